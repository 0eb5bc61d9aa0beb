"""Saving and loading of samplers."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment import archive
from gen_augment.data import LabelCodec
from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities import codec_from_json, codec_to_json
from gen_augment.rng import fork_rng
from gen_augment.training.checkpoint import PREFIX
from gen_augment.training.placement import found_here, make_fabric, place, tensor_defaults
from gen_augment.types import JSON

if TYPE_CHECKING:
    from gen_augment.samplers.base import Sampler

__all__ = ["Persistent"]

_FIELDS = {
    "format",
    "class",
    "params",
    "codec",
    "labels",
    "class_count",
    "seed",
    "history",
    "n_steps",
}


#: Parameters that are not the same for one sampler on two machines, or say how it was trained and not what it became.
_NO_PART_IN_ROWS = ("device", "torch_compile", "callbacks", "verbose", "random_state")


class Persistent:
    """`save` and `load` for a sampler: parameters, codec and history as JSON, weights as safetensors."""

    #: Parameters that older archives do not hold, with the value that stands for what was done then.
    _former_params: ClassVar[JSON] = {}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted sampler to one file, whole or not at all.

        Callbacks are not saved.

        Raises
        ------
        NotFittedError
        ArchiveError
            The place cannot be written.
        """
        sampler = cast("Sampler", self)
        sampler._check_fitted()
        archive.write(path, *self._to_archive())

    def fingerprint(self) -> str:
        """Hash of all that decides the rows: weights, parameters, data form, labels and seed."""
        sampler = cast("Sampler", self)
        sampler._check_fitted()
        header, tensors = self._to_archive()
        former = self._former_params.items()  # an archive keeps its fingerprint
        params = {
            k: v
            for k, v in header["params"].items()
            if k not in _NO_PART_IN_ROWS and (k, v) not in former
        }
        described = {k: v for k, v in header.items() if k not in ("history", "n_steps")} | {
            "params": params
        }
        digest = hashlib.blake2b(json.dumps(described, sort_keys=True).encode(), digest_size=16)
        for name in sorted(tensors):
            digest.update(name.encode())
            digest.update(
                tensors[name].detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
            )
        return digest.hexdigest()

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "auto") -> Self:
        """Read a sampler that `save` or a `Checkpoint` wrote.

        Parameters
        ----------
        path : path-like
        device : str
            Where to put it: "auto", "cpu", "cuda", "cuda:1", ...

        Raises
        ------
        ArchiveError
            The file is missing, cut short, of another class or version, or does not fit together.
        """
        header, tensors = archive.read(path)
        weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
        if header.get("class") != cls.__name__:
            raise ArchiveError(f"{path} holds a {header.get('class')}, not a {cls.__name__}.")
        archive.check_keys(f"{path} cannot be used", header, _FIELDS | ({"training"} & set(header)))
        try:
            sampler = cls._from_header(header)
            network = _build_like(sampler, weights)
            if broken := [
                name
                for name, w in weights.items()
                if w.is_floating_point() and not w.isfinite().all()
            ]:
                raise InputError(f"the weights {broken[0]!r} are not finite.")
            network.load_state_dict(weights)
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            raise ArchiveError(f"{path} does not fit together: {error}") from error
        sampler.device = device
        sampler.network_ = place(
            network,
            make_fabric(device, sampler.precision).device,
            compiled=sampler.torch_compile,
        ).eval()
        return cast("Self", sampler)

    @classmethod
    def _from_header(cls, header: JSON) -> "Sampler":
        """All of the sampler but its network; every value is checked."""
        params = {**cls._former_params, **header["params"]}
        archive.check_keys(
            f"parameters of {cls.__name__}", params, set(cast(Any, cls)._get_param_names())
        )
        if "callbacks" in params:  # which a constructor of one's own may lack
            params["callbacks"] = None
        sampler = cast("Sampler", cls(**params))
        sampler._check_params()
        labels = LabelCodec.from_json(header["labels"])
        counts = np.array(header["class_count"])
        if (
            counts.shape != labels.classes.shape
            or counts.dtype.kind != "i"
            or not (counts > 0).all()
        ):
            raise InputError(
                f"class_count={counts.tolist()!r} is no count for each of {len(labels.classes)} classes."
            )
        for name in ("seed", "n_steps"):
            if type(header[name]) is not int:
                raise InputError(f"{name}={header[name]!r} is no whole number.")
        sampler._set_data(codec_from_json(header["codec"]), labels, counts, header["seed"])
        sampler.history_, sampler.n_steps_ = _check_history(header["history"]), header["n_steps"]
        return sampler

    def __getstate__(self) -> JSON:
        # Weights alone: modules with parametrisations (spectral norm) cannot be pickled.
        state: JSON = dict(cast("Sampler", super()).__getstate__())
        if "network_" in state:
            network = state.pop("network_")
            device = str(next(network.parameters()).device)
            state["_weights"] = (
                device,
                {name: tensor.cpu() for name, tensor in network.state_dict().items()},
            )
        return state

    def __setstate__(self, state: JSON) -> None:
        sampler = cast("Sampler", self)
        weights = state.pop("_weights", None)
        cast("Sampler", super()).__setstate__(state)
        if weights is not None:
            device, tensors = weights
            with fork_rng(0, torch.device("cpu")), tensor_defaults():
                network = sampler._build(sampler.spec_)
            network.load_state_dict(tensors)
            network = place(network, found_here(device), compiled=sampler.torch_compile)
            sampler.network_ = network.eval()

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        sampler = cast("Sampler", self)
        header = {
            "class": type(sampler).__name__,
            "params": self._json_params(),
            "codec": codec_to_json(sampler.codec_),
            "labels": sampler.label_codec_.to_json(),
            "class_count": sampler.class_count_.tolist(),
            "seed": sampler.seed_,
            "history": sampler.history_,
            "n_steps": sampler.n_steps_,
        }
        return header, dict(sampler.network_.state_dict())

    def _json_params(self) -> JSON:
        params = cast("Sampler", self).get_params(deep=False)
        return {
            name: None if name == "callbacks" else _plain(value) for name, value in params.items()
        }


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        value = archive.as_pairs(value)
    try:
        json.dumps(value)
    except TypeError:
        return None  # a RandomState: the seed drawn from it is kept as seed_
    return value


def _build_like(sampler: "Sampler", weights: dict[str, Tensor]) -> nn.Module:
    """The network of `sampler`, if it is of the size of `weights`.

    It is first built without memory: a header may ask for any size, and a file has only the size that it has.
    """
    try:
        with tensor_defaults(), torch.device("meta"):
            outline = sampler._build(sampler.spec_).state_dict()
    except (
        RuntimeError
    ):  # a network whose making needs values; one that cannot be made fails again below
        outline = weights
    expected = {name: tuple(tensor.shape) for name, tensor in outline.items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != found:
        name = next(iter(sorted(expected.items() ^ found.items())))[0]
        raise InputError(
            f"the weights {name!r} have shape {found.get(name)}, and {expected.get(name)} is expected."
        )
    with (
        fork_rng(0, torch.device("cpu")),
        tensor_defaults(),
    ):  # weights are drawn from the global generator
        return sampler._build(sampler.spec_)


def _check_history(history: Any) -> dict[str, list[float]]:
    for name, values in history.items():
        if not isinstance(values, list) or not all(
            isinstance(value, (int, float)) for value in values
        ):
            raise InputError(f"the history of {name!r} is no list of numbers.")
    return dict(history)
