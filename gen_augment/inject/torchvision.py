"""Transforms of single images for `torchvision.transforms.v2`: `SyntheticReplace` and `Vary`.

Use them with others in `v2.Compose`, `v2.RandomChoice` and the like, in a dataset that passes
image and label together. Like all of v2, they draw from torch's global generator:
`torch.manual_seed` repeats a run, and the workers and epochs of a DataLoader differ. Random
numbers are drawn in `make_params`; `transform` is deterministic.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten
from torchvision import tv_tensors
from torchvision.transforms import v2

from gen_augment.bank import SampleBank
from gen_augment.errors import InputError
from gen_augment.inject.image_replacement import (
    LABEL_CHOICES,
    LabelChoice,
    check_strength,
    draw_number,
    draw_row,
    open_bank,
    open_source,
    read_row,
    vary_image,
)
from gen_augment.inject.row_labels import label_like, label_value
from gen_augment.validation import check_choice, check_range

__all__ = ["SyntheticReplace", "Vary"]

LabelsGetter = Callable[[Any], Any] | Literal["default"]


class _LabelledImage(v2.Transform):  # type: ignore[misc] # torchvision has no types
    """A transform of the one image in a sample, given its label, with probability `p`."""

    def __init__(self, p: float, labels_getter: LabelsGetter) -> None:
        super().__init__()
        self.p = check_range("p", p, 0, 1)
        if labels_getter != "default" and not callable(labels_getter):
            raise InputError(
                f"labels_getter={labels_getter!r}: give 'default' or a function of the sample."
            )
        self.labels_getter = labels_getter

    def forward(self, *inputs: Any) -> Any:
        """Take and return a sample of any structure: two arguments, a tuple, a dict, or nested."""
        # Overridden, as in v2.MixUp, because the label is used though it is not an image.
        sample: Any = inputs if len(inputs) > 1 else inputs[0]
        leaves, spec = tree_flatten(sample)
        self.check_inputs(leaves)
        label = self._label_of(sample)
        place = _find_image(leaves)
        label_value(label)  # raises
        if torch.rand(()) >= self.p:
            return sample
        params = self.make_params([leaves[place], label])
        leaves[place] = self.transform(leaves[place], params)
        if "label" in params:
            leaves[self._find_label(leaves, spec, label)] = params["label"]
        return tree_unflatten(leaves, spec)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raise for boxes, masks and the like, which would not describe the new image."""
        for leaf in flat_inputs:
            if isinstance(leaf, tv_tensors.TVTensor) and not isinstance(leaf, tv_tensors.Image):
                raise InputError(
                    f"the sample has a {type(leaf).__name__}, which would not describe the image "
                    "that "
                    f"{type(self).__name__} puts in: use it on samples of an image and a label."
                )

    def _label_of(self, sample: Any) -> Any:
        return (
            _default_label(sample)
            if self.labels_getter == "default"
            else self.labels_getter(sample)
        )

    def _find_label(self, leaves: list[Any], spec: Any, label: Any) -> int:
        """Return the place of the label among the leaves of the sample."""
        # Equal small numbers are one object, so search a sample of distinct objects.
        marks = [object() for _ in leaves]
        mark, cause = None, None
        try:
            mark = self._label_of(tree_unflatten(marks, spec))
        except Exception as error:  # a user's function may compute with the label
            cause = error
        found = [number for number, each in enumerate(marks) if each is mark]
        if len(found) != 1:
            raise InputError(
                f"labels_getter gives {label!r}, which cannot be found in the sample, so another "
                "label cannot be put "
                "in its place: return the label itself, or use labels='same'."
            ) from cause
        return found[0]


class SyntheticReplace(_LabelledImage):
    """Replace an image by a row of a bank, with a probability.

    Parameters
    ----------
    bank : SampleBank or path
        Its rows have the size and channels of the images here, and get their type and dtype.
    p : float in [0, 1]
        Share of images that are replaced.
    labels : {"same", "prior", "balanced"}
        Label of the row: that of the image, which is then kept if the bank has no rows of
        it; that of any row; or a random class. The label of the sample is set accordingly.
    labels_getter : "default" or callable
        As in `v2.MixUp`: by default the label is the second of two entries, or the entry of
        a dict whose key contains "label"; a callable returns the label of the sample.

    Raises
    ------
    InputError
        The sample does not have exactly one image and one label, these do not match the
        bank, or the sample has boxes or masks.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_digits
    >>> from gen_augment import ConditionalVAE
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X.reshape(-1, 8, 8).astype("uint8")
    >>> sampler = ConditionalVAE(max_steps=2, random_state=0, device="cpu").fit(X, y)
    >>> bank = SampleBank.build(sampler, 100, tempfile.mkdtemp() + "/digits")
    >>> transform = v2.Compose([SyntheticReplace(bank, p=0.3), v2.RandomHorizontalFlip()])
    >>> image, label = transform(tv_tensors.Image(X[3]), 3)
    >>> type(image).__name__, image.shape, image.dtype, label
    ('Image', torch.Size([1, 8, 8]), torch.uint8, 3)
    """

    def __init__(
        self,
        bank: SampleBank | str,
        p: float = 0.5,
        labels: LabelChoice = "same",
        labels_getter: LabelsGetter = "default",
    ) -> None:
        super().__init__(p, labels_getter)
        check_choice("labels", labels, LABEL_CHOICES)
        self.bank = open_bank(bank)
        self.labels = labels

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Choose a row of the bank, and its label, for ``[image, label]``."""
        label = flat_inputs[1]
        row = draw_row(self.bank, self.labels, label_value(label), _below)
        if self.labels == "same":
            return {"row": row}
        return {"row": row, "label": label_like(self.bank.labels(np.array([row])).item(), label)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Return that row in the form of the image."""
        return read_row(self.bank, params["row"], inpt)

    def extra_repr(self) -> str:
        """Return what `repr` shows in parentheses."""
        return f"bank={str(self.bank.path)!r}, p={self.p}, labels={self.labels!r}"


class Vary(_LabelledImage):
    """Vary an image within its class, with a probability.

    A `ConditionalVAE` encodes the image, perturbs its code, and decodes it. With a bank, the
    image moves towards a random row of its label, if there is one:
    ``x + strength * (row - x)``, as SMOTE [1]_ does between neighbours and SamplePairing [2]_
    between images.

    Parameters
    ----------
    source : ConditionalVAE or other fitted sampler with an encoder, SampleBank, or path of a bank
        In a DataLoader's worker, a bank or a sampler on the CPU.
    p : float in [0, 1]
        Share of images that are varied.
    strength : float in [0, 1] or (low, high)
        Distance from the image; from a range, a number is drawn each time. At 0 a bank
        returns the image itself, and a sampler returns its reconstruction.
    labels_getter : "default" or callable
        As in `SyntheticReplace`.

    Raises
    ------
    InputError
        The sample does not have exactly one image and one label, these do not match the
        source, or the sample has boxes or masks.

    References
    ----------
    .. [1] Chawla et al. "SMOTE: Synthetic Minority Over-sampling Technique." JAIR 16 (2002).
    .. [2] Inoue. "Data Augmentation by Pairing Samples for Images Classification."
       arXiv:1801.02929 (2018).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from gen_augment import ConditionalVAE
    >>> X, y = load_digits(return_X_y=True)
    >>> X = torch.from_numpy(X).reshape(-1, 1, 8, 8).float() / 16
    >>> sampler = ConditionalVAE(max_steps=2, random_state=0, device="cpu").fit(X, y)
    >>> image, label = Vary(sampler, p=1.0, strength=(0.1, 0.6))(X[3], y[3])
    >>> image.shape, image.dtype, label
    (torch.Size([1, 8, 8]), torch.float32, np.int64(3))
    """

    def __init__(
        self,
        source: Any,
        p: float = 0.5,
        strength: float | tuple[float, float] = 0.5,
        labels_getter: LabelsGetter = "default",
    ) -> None:
        super().__init__(p, labels_getter)
        check_strength(strength)
        self.source = open_source(source)
        self.strength = strength

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Raise for boxes, masks and the like, unless the strength is 0."""
        if check_strength(self.strength)[1] > 0:
            super().check_inputs(flat_inputs)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw strength, and row or seed, for ``[image, label]``."""
        low, high = check_strength(self.strength)
        value = label_value(flat_inputs[1])
        strength = low + (high - low) * torch.rand(()).item()
        return {
            "value": value,
            "strength": strength,
            "number": draw_number(self.source, value, _below),
        }

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image so varied."""
        return vary_image(self.source, inpt, params["value"], params["strength"], params["number"])

    def extra_repr(self) -> str:
        """Return what `repr` shows in parentheses."""
        source = repr(str(self.source.path)) if isinstance(self.source, SampleBank) else self.source
        return f"source={source}, p={self.p}, strength={self.strength}"


def _below(n: int) -> int:
    return int(torch.randint(n, (), device="cpu"))


def _find_image(leaves: list[Any]) -> int:
    """Return the place of the image; as in v2, Tensors count only without another image."""
    images = [
        number
        for number, leaf in enumerate(leaves)
        if isinstance(leaf, (tv_tensors.Image, Image.Image))
    ]
    if not images:
        images = [
            number
            for number, leaf in enumerate(leaves)
            if isinstance(leaf, Tensor) and leaf.ndim > 1
        ][:1]
    if len(images) != 1:
        raise InputError(
            f"the sample has {len(images) or 'no'} images: it must have one, as a PIL image, a "
            "Tensor or a "
            "tv_tensors.Image. v2.ToImage() makes one of an array."
        )
    return images[0]


def _default_label(sample: Any) -> Any:
    """Return the label from where v2 expects it; it may be a number, string or Tensor."""
    if isinstance(sample, (tuple, list)) and len(sample) > 1:
        sample = sample[1]
        if not isinstance(sample, Mapping):
            return sample
    if isinstance(sample, Mapping):
        names = [name for name in sample if isinstance(name, str) and "label" in name.lower()]
        exact = [name for name in names if name.lower() == "labels"]
        if names:
            return sample[(exact or names)[0]]
    raise InputError(
        f"no label in a sample that is a {type(sample).__name__}: give image and label together, "
        "as torchvision's "
        "datasets do to transforms= (and not to transform=), or a labels_getter."
    )
