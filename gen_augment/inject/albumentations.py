"""Transforms of single images for albumentations 2.0: `SyntheticReplace`, `Vary`, `seed_workers`.

Use them with others in `A.Compose`, and pass the label together with the image::

    pipeline = A.Compose([SyntheticReplace(bank, labels="balanced"), A.HorizontalFlip()])
    done = pipeline(image=image, label=label)

`A.save` and `A.to_dict` write the path of the bank. `A.load` and `A.from_dict` find these
classes once this module is imported. A replay of `A.ReplayCompose` gives the same rows.

albumentations 2.0 does not seed the workers of a DataLoader: use `seed_workers`. Without
workers, `A.Compose(..., seed=...)` repeats a run. Two transforms of such a Compose are drawn
independently unless their class and all their arguments are equal.
"""

import os
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from torch.utils.data import get_worker_info

from gen_augment.bank import SampleBank
from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.inject.image_replacement import (
    LABEL_CHOICES,
    LabelChoice,
    arguments_of,
    check_strength,
    draw_number,
    draw_row,
    open_bank,
    open_source,
    read_row,
    vary_image,
)
from gen_augment.inject.row_labels import label_like, label_value
from gen_augment.rng import derive_seed
from gen_augment.validation import check_choice, check_range

try:
    import albumentations as A
except ImportError as error:
    raise MissingDependencyError(
        "gen_augment.inject.albumentations needs albumentations 2.0: pip install "
        "'gen_augment[albumentations]'."
    ) from error

__all__ = ["SyntheticReplace", "Vary", "seed_workers"]

#: 2.0.8 is the last release. Later versions are AlbumentationsX, with the same module name.
VERSIONS = tuple(f"2.0.{patch}" for patch in range(9))
#: Targets that describe the image, or are other images.
_OTHER_TARGETS = {
    "bboxes", "images", "keypoints", "mask", "mask3d", "masks", "masks3d", "volume", "volumes",
}  # fmt: skip


def _check_version(version: str) -> None:
    if version not in VERSIONS:
        raise MissingDependencyError(
            f"gen_augment.inject.albumentations works with albumentations 2.0.x, {VERSIONS[0]} to "
            f"{VERSIONS[-1]}, and found {version}: pip install 'gen_augment[albumentations]'. "
            "AlbumentationsX is another package with the same module name: uninstall it first."
        )


_check_version(A.__version__)


class _LabelledImage(A.BasicTransform):  # type: ignore[misc] # albumentations has no types
    """A transform of the one image in a sample, given its label.

    The label is read and written here. As a target of albumentations it would have to be an
    array, and a string ends in a RecursionError.
    """

    _image_stays = False

    def __init__(self, label_key: str, p: float) -> None:
        super().__init__(p=check_range("p", p, 0, 1))
        self.label_key = label_key
        self._other_targets = set(_OTHER_TARGETS)

    def __call__(self, *args: Any, force_apply: bool = False, **kwargs: Any) -> Any:
        """Take and return a sample as named arguments."""
        self._check(kwargs)
        return super().__call__(*args, force_apply=force_apply, **kwargs)

    @property
    def targets(self) -> dict[str, Any]:
        """Entries to transform, with the method for each."""
        return {"image": self.apply}

    @property
    def available_keys(self) -> set[str]:
        """Names that a strict Compose accepts."""
        return {*self._available_keys, self.label_key}

    def add_targets(self, additional_targets: dict[str, str]) -> None:
        """Register more images, masks and the like, which are then refused."""
        super().add_targets(additional_targets)
        described = _OTHER_TARGETS | {"image"}
        self._other_targets |= {
            name for name, target in additional_targets.items() if target in described
        }

    def set_random_seed(self, seed: int | None) -> None:
        """Seed the random generators."""
        # Compose gives all transforms one seed, so that those with equal p would coincide.
        name = type(self).__name__
        own = None if seed is None else derive_seed(seed, name, arguments_of(self))
        super().set_random_seed(own)
        self.seed = seed

    def _check(self, data: Mapping[str, Any]) -> None:
        name = type(self).__name__
        others = sorted(key for key in data if key in self._other_targets and data[key] is not None)
        if others and not self._image_stays:
            raise InputError(
                f"the sample has {', '.join(others)}, which would not describe the image that "
                f"{name} puts in: use it on samples of one image and a label."
            )
        if data.get("image") is None:
            raise InputError(f"{name} needs image=..., got {sorted(data)}.")
        if self.replay_mode:  # the parameters were recorded
            return
        if data.get(self.label_key) is None:
            raise InputError(
                f"{name} needs the image's label: call the Compose with {self.label_key}=..., or "
                "say label_key."
            )
        label_value(data[self.label_key])  # raises


class SyntheticReplace(_LabelledImage):
    """Replace an image by a row of a bank, with a probability.

    Parameters
    ----------
    bank : SampleBank or path
        Its rows have the size and channels of the images here, and get their dtype.
    labels : {"same", "prior", "balanced"}
        Label of the row: that of the image, which is then kept if the bank has no rows of
        it; that of any row; or a random class. The label of the sample is set accordingly.
    label_key : str
        Key of the label, a number or a string, in calls of the Compose.
    p : float in [0, 1]
        Share of images that are replaced.

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
    >>> pipeline = A.Compose([SyntheticReplace(bank, p=0.3), A.HorizontalFlip()], seed=0)
    >>> done = pipeline(image=X[3], label=y[3])
    >>> done["image"].shape, done["image"].dtype, done["label"]
    ((8, 8), dtype('uint8'), np.int64(3))
    """

    def __init__(
        self,
        bank: SampleBank | str | os.PathLike[str],
        labels: LabelChoice = "same",
        label_key: str = "label",
        p: float = 0.5,
    ) -> None:
        check_choice("labels", labels, LABEL_CHOICES)
        self.bank = open_bank(bank)
        self.labels = labels
        super().__init__(label_key, p)

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Choose a row of the bank, and its label."""
        row = draw_row(
            self.bank, self.labels, label_value(data[self.label_key]), self.py_random.randrange
        )
        if self.labels == "same":
            return {"row": row}
        return {"row": row, "new_label": self.bank.labels(np.array([row])).item()}

    def apply(self, img: Any, *args: Any, row: int, **params: Any) -> Any:
        """Return that row in the form of the image."""
        return read_row(self.bank, row, img)

    def apply_with_params(
        self, params: dict[str, Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Return the sample with another image and, if it changes, another label."""
        sample: dict[str, Any] = super().apply_with_params(params, *args, **kwargs)
        if "new_label" in params and sample.get(self.label_key) is not None:
            sample[self.label_key] = label_like(params["new_label"], sample[self.label_key])
        return sample

    def get_transform_init_args(self) -> dict[str, Any]:
        """Return the arguments to serialize."""
        return {"bank": str(self.bank.path), "labels": self.labels, "label_key": self.label_key}


class Vary(_LabelledImage):
    """Vary an image within its class, with a probability.

    See `gen_augment.inject.torchvision.Vary`.

    Parameters
    ----------
    source : ConditionalVAE or other fitted sampler with an encoder, SampleBank, or path of a bank
        In a DataLoader's worker, a bank or a sampler on the CPU. A Compose with a sampler
        cannot be saved or printed, because albumentations prints what it would save.
    strength : float in [0, 1] or (low, high)
        Distance from the image; from a range, a number is drawn each time.
    label_key : str
        As in `SyntheticReplace`.
    p : float in [0, 1]
        Share of images that are varied.

    Raises
    ------
    InputError
        The sample does not have exactly one image and one label, these do not match the
        source, or the sample has boxes or masks.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from gen_augment import ConditionalVAE
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X.reshape(-1, 8, 8).astype("uint8")
    >>> sampler = ConditionalVAE(max_steps=2, random_state=0, device="cpu").fit(X, y)
    >>> done = A.Compose([Vary(sampler, strength=(0.1, 0.6), p=1.0)])(image=X[3], label=3)
    >>> done["image"].shape, done["image"].dtype, done["label"]
    ((8, 8), dtype('uint8'), 3)
    """

    def __init__(
        self,
        source: Any,
        strength: float | tuple[float, float] = 0.5,
        label_key: str = "label",
        p: float = 0.5,
    ) -> None:
        self._image_stays = check_strength(strength)[1] == 0
        self.source = open_source(source)
        self.strength = strength
        super().__init__(label_key, p)

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Draw strength, and row or seed."""
        value = label_value(data[self.label_key])
        strength = self.py_random.uniform(*check_strength(self.strength))
        number = draw_number(self.source, value, self.py_random.randrange)
        return {"value": value, "strength": strength, "number": number}

    def apply(
        self, img: Any, *args: Any, value: Any, strength: float, number: int, **params: Any
    ) -> Any:
        """Return the varied image."""
        return vary_image(self.source, img, value, strength, number)

    def get_transform_init_args(self) -> dict[str, Any]:
        """Return the arguments to serialize; a sampler itself."""
        source = str(self.source.path) if isinstance(self.source, SampleBank) else self.source
        return {"source": source, "strength": self.strength, "label_key": self.label_key}

    def to_dict_private(self) -> dict[str, Any]:
        """Return what `A.to_dict` writes; raise if the source is a sampler."""
        if not isinstance(self.source, SampleBank):
            raise InputError(
                f"Vary with a {type(self.source).__name__} cannot be written to a dict or a file: "
                "give Vary a SampleBank, which is written as its path."
            )
        written: dict[str, Any] = super().to_dict_private()
        return written

    def get_dict_with_id(self) -> dict[str, Any]:
        """Return what `A.ReplayCompose` keeps in memory, which may include a sampler."""
        name = {"__class_fullname__": self.get_class_fullname(), "id": id(self)}
        return {**name, **self.get_base_init_args(), **self.get_transform_init_args()}


def seed_workers(*pipelines: Any) -> Callable[[int], None]:
    """Return a function that gives each worker of a DataLoader its own augmentations.

    Without it, albumentations augments alike in all workers and all epochs. With it, random
    numbers depend on `torch.manual_seed`, the epoch and the worker. Transforms of a pipeline
    share one generator, and are drawn independently.

    Parameters
    ----------
    *pipelines : albumentations.Compose or transform
        Those that the dataset uses. Keep them in attributes of the dataset if its workers
        are spawned, so that each worker receives one copy for both.

    Returns
    -------
    callable
        For the `worker_init_fn` of a DataLoader.

    Raises
    ------
    InputError
        An argument is not a pipeline, or none is given.

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> pipeline = A.Compose([A.HorizontalFlip()])
    >>> images = [np.zeros((8, 8), np.uint8)] * 4
    >>> loader = DataLoader(images, num_workers=2, worker_init_fn=seed_workers(pipeline))
    """
    wrong = [each for each in pipelines if not isinstance(each, (A.BaseCompose, A.BasicTransform))]
    if wrong or not pipelines:
        raise InputError(
            f"seed_workers got {wrong[0] if wrong else 'nothing'!r}: give the pipelines of the "
            "dataset, as in DataLoader(..., worker_init_fn=seed_workers(pipeline))."
        )
    return partial(_seed, pipelines)


def _seed(pipelines: tuple[Any, ...], worker_id: int) -> None:
    info = get_worker_info()
    if info is None:
        raise InputError(
            "seed_workers is for DataLoader(..., num_workers=..., worker_init_fn=...)."
        )
    for number, pipeline in enumerate(pipelines):
        # `set_random_seed` of albumentations 2.0.8 gives all transforms equal generators, so
        # that two flips with the same `p` would always be applied together.
        seed = derive_seed(info.seed, "albumentations", number)
        generator = random.Random(seed)  # noqa: S311 # no secret
        pipeline.set_random_state(np.random.default_rng(seed), generator)
