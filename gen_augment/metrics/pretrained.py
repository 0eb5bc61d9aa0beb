"""Features of torchvision networks whose weights are on this machine; nothing is downloaded.

torchvision is imported by the functions that need it: its import takes as long as torch's.
"""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.errors import InputError
from gen_augment.rng import fork_rng
from gen_augment.validation import check_positive_int

__all__ = ["ImageNetFeatures", "torchvision_features"]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet, in [0, 1]
_SIZE = 224


class ImageNetFeatures(nn.Module):
    """The input of a torchvision classifier's last linear layer, for images of any size.

    Parameters
    ----------
    model : nn.Module
        A torchvision model, trained on RGB images that were standardised with the mean and
        standard deviation of ImageNet.
    size : int
        Side in pixels to which images are resized. A smaller side is faster, and suits
        networks that pool over the whole image.

    Raises
    ------
    InputError
        `size` is not a positive integer.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, *, size: int = _SIZE) -> None:
        super().__init__()
        self.model = model
        self.size = check_positive_int("size", size)
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Compute features (B, d) of images (B, C, H, W) in [-1, 1]; grey images are repeated."""
        if x.ndim != 4:
            raise InputError(
                f"{type(self.model).__name__} needs images, and the rows have shape "
                f"{tuple(x.shape[1:])}: choose features='values' or 'auto'."
            )
        x = F.interpolate((x + 1) / 2, (self.size, self.size), mode="bilinear", antialias=True)
        found: list[Tensor] = []
        name = _last_linear(self.model)
        if name is None:  # the output is used instead
            return self._call(x)
        hook = self.model.get_submodule(name).register_forward_pre_hook(
            lambda _, inputs: found.append(inputs[0])
        )
        try:
            self._call(x)
        finally:
            hook.remove()
        return found[0]

    def _call(self, x: Tensor) -> Tensor:
        out: Tensor = self.model((x.expand(-1, 3, -1, -1) - self.mean) / self.std)
        return out


def torchvision_features(
    name: str,
    weights: str | os.PathLike[str] | Mapping[str, Tensor] | None = None,
    *,
    size: int = _SIZE,
) -> ImageNetFeatures:
    """Load a torchvision classifier as ``features=`` of filters and of `audit`.

    Parameters
    ----------
    name : str
        A name from `torchvision.models.list_models`, such as "resnet18".
    weights : path-like or state dict, optional
        A ``.pth`` file, which is read with ``weights_only=True``, or a ``.safetensors``
        file, for any number of classes. By default torchvision's own weights are taken
        from the cache that `torch.hub` downloads to.
    size : int
        Side in pixels to which images are resized.

    Returns
    -------
    ImageNetFeatures

    Raises
    ------
    InputError
        There is no such model, or its weights are not on this machine.

    Examples
    --------
    >>> from torchvision.models import squeezenet1_1
    >>> network = torchvision_features("squeezenet1_1", squeezenet1_1().state_dict(), size=64)
    >>> network(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 1000])
    """
    from torchvision import models

    if name not in models.list_models(module=models):
        raise InputError(
            f"features={name!r} is neither 'auto' nor 'values' nor a torchvision classifier."
        )
    if weights is None:
        weights = _cached(name)
    state = dict(weights) if isinstance(weights, Mapping) else _read(Path(weights))
    with fork_rng(0, torch.device("cpu")):
        model = models.get_model(name, weights=None)
        head = _last_linear(model)
        mine = state.get(f"{head}.weight")
        if (
            mine is not None
            and mine.ndim == 2
            and len(mine) != model.get_submodule(str(head)).out_features
        ):
            model = models.get_model(name, weights=None, num_classes=len(mine))
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"the weights do not fit {name}: {error}") from error
    return ImageNetFeatures(model.eval(), size=size)


def _cached(name: str) -> Path:
    """Return the path where `torch.hub` caches the default weights."""
    from torchvision import models

    path = Path(
        torch.hub.get_dir(), "checkpoints", Path(models.get_model_weights(name).DEFAULT.url).name
    )
    if not path.is_file():
        raise InputError(
            f"features={name!r}: there are no weights at {path}, and nothing is downloaded. Put "
            f"them there, or use torchvision_features({name!r}, PATH)."
        )
    return path


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
        SafetensorError,
        pickle.UnpicklingError,
    ) as error:
        raise InputError(f"{path} cannot be read as weights: {error}") from error
    if not isinstance(state, Mapping) or not all(
        isinstance(value, Tensor) for value in state.values()
    ):
        raise InputError(
            f"{path} holds a {type(state).__name__}, not a state dict: save model.state_dict()."
        )
    return dict(state)


def _last_linear(model: nn.Module) -> str | None:
    """Return the name of the last linear layer, if there is one."""
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return names[-1] if names else None
