"""A sampler whose rows come from several samplers."""

import hashlib
import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from torch import Tensor

from gen_augment import archive
from gen_augment.containers import concatenate, take
from gen_augment.data import LabelCodec, Rows
from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities import Codec, Modality, modality_from_json, modality_to_json
from gen_augment.rng import RandomState, categorical, derive_seed, resolve_seed
from gen_augment.samplers import persistence
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.classical import KDESampler
from gen_augment.samplers.flow import ConditionalFlow
from gen_augment.samplers.registry import find_class
from gen_augment.types import JSON
from gen_augment.validation import check_instance

__all__ = ["MixedSampler"]


class MixedSampler(Sampler):
    """Sampler whose rows come from several samplers; it can be used wherever a sampler can.

    The address of a row decides which sampler makes it. That sampler makes the row that it has at
    this address.

    Parameters
    ----------
    samplers : sequence of samplers, optional
        Fitted on the same data, or to be fitted by `fit`. By default a flow and a KDE.
    weights : sequence of float, optional
        Relative frequency of the rows of each sampler, at least 0; equal by default.
    modality : str, Modality or None
        How `fit` reads the rows; None if only one reading is possible.
    random_state : int, RandomState or None
        `fit` sets it for the samplers, to different values; None keeps their own.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import BootstrapSampler
    >>> X, y = load_wine(return_X_y=True)
    >>> parts = [BootstrapSampler(), KDESampler()]
    >>> sampler = MixedSampler(parts, weights=[1, 3], random_state=0).fit(X, y)
    >>> rows, labels = sampler.sample(100)
    >>> copies = sum((X == row).all(axis=1).any() for row in rows)
    >>> bool(10 < copies < 40)
    True
    """

    method = "mixed"

    def __init__(
        self,
        samplers: Sequence[Any] | None = None,
        *,
        weights: Sequence[float] | None = None,
        modality: str | Modality | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.samplers = samplers
        self.weights = weights
        self.modality = modality
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit a clone of each sampler on the same rows.

        Parameters
        ----------
        X, y
            As in `Sampler.fit`.

        Returns
        -------
        self
        """
        for part in self.samplers or ():
            check_instance("samplers", part)
        parts = self._defaults() if self.samplers is None else [clone(p) for p in self.samplers]
        self._shares(len(parts))
        if self.random_state is not None:
            seed = resolve_seed(self.random_state)
            for number, part in enumerate(parts):
                part.set_params(random_state=derive_seed(seed, "part", number) % 2**31)
        rows = Rows.read(X, y, modality=self.modality)
        self.samplers_ = [part.fit(rows) for part in parts]
        self.__dict__.pop("_addresses", None)
        return self

    def _defaults(self) -> list[Sampler]:
        return [ConditionalFlow(), KDESampler()]

    @property
    def _parts(self) -> list[Any]:
        """The fitted samplers; AttributeError if there are none."""
        parts = self.__dict__.get("samplers_", self.samplers)
        if not parts or not all(hasattr(part, "classes_") for part in parts):
            raise AttributeError(f"this {type(self).__name__} is not fitted")
        if any(not np.array_equal(part.classes_, parts[0].classes_) for part in parts[1:]):
            found = ", ".join(f"{type(p).__name__} {p.classes_.tolist()}" for p in parts)
            raise InputError(f"samplers have different classes ({found}): fit all on one data set.")
        return list(parts)

    codec_: Codec = property(lambda self: self._parts[0].codec_)  # type: ignore[assignment]
    label_codec_: LabelCodec = property(  # type: ignore[assignment]
        lambda self: self._parts[0].label_codec_
    )
    classes_: np.ndarray = property(  # type: ignore[assignment]
        lambda self: self._parts[0].classes_
    )
    class_count_: np.ndarray = property(  # type: ignore[assignment]
        lambda self: self._parts[0].class_count_
    )
    class_prior_: np.ndarray = property(  # type: ignore[assignment]
        lambda self: self._parts[0].class_prior_
    )
    seed_: int = property(lambda self: self._parts[0].seed_)  # type: ignore[assignment]

    def _shares(self, n: int) -> np.ndarray:
        """Return the share of each of `n` samplers."""
        if n == 0:
            raise InputError("samplers is empty: give at least one, such as KDESampler().")
        try:
            weights = np.ones(n) if self.weights is None else np.asarray(self.weights, dtype=float)
        except (TypeError, ValueError):
            weights = np.empty(0)
        if weights.shape != (n,) or not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
            raise InputError(
                f"weights={self.weights!r}: give one number of at least 0 for each of {n} "
                "samplers, not all of them 0."
            )
        shares: np.ndarray = weights / weights.sum()
        return shares

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        parts = self._parts
        chosen = categorical(index, self._shares(len(parts)), derive_seed(seed, "part"))
        made, places = [], []
        for number, part in enumerate(parts):
            mine = np.flatnonzero(chosen == number)
            if len(mine) or len(index) == 0:
                made.append(part.generate(index[mine], self.classes_[codes[mine]], seed=seed))
                places.append(mine)
        return take(concatenate(made), np.argsort(np.concatenate(places)))

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        headers: list[JSON] = []
        tensors: dict[str, Tensor] = {}
        for number, part in enumerate(self._parts):
            header, learned = part._to_archive()
            headers.append(header)
            tensors |= {f"{number}/{name}": tensor for name, tensor in learned.items()}
        shares = self._shares(len(headers)).tolist()
        record = {"weights": shares, "modality": modality_to_json(self.modality)}
        return {"class": type(self).__name__, "parts": headers} | record, tensors

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "auto") -> Self:
        """Read what `save` wrote; see `Sampler.load`."""
        header, tensors = archive.read(path)
        if header.get("class") != cls.__name__:
            raise ArchiveError(f"{path} holds a {header.get('class')}, not a {cls.__name__}.")
        archive.check_keys(
            f"{path} cannot be used", header, {"format", "class", "weights", "modality", "parts"}
        )
        parts = []
        for number, part in enumerate(header["parts"]):
            prefix = f"{number}/"
            mine = {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
            known = find_class(part.get("class"), path)
            whole = part | {"format": header["format"]}
            parts.append(persistence.rebuild(known, whole, mine, device, path))
        try:
            modality = modality_from_json(header["modality"])
            made = cls(parts, weights=header["weights"], modality=modality)
            made._shares(len(made._parts))
        except (AttributeError, InputError, TypeError, ValueError) as error:
            raise ArchiveError(f"{path} does not fit together: {error}") from error
        return made

    def fingerprint(self) -> str:
        """Hash everything that decides the rows; see `Sampler.fingerprint`."""
        self._check_fitted()
        parts = [part.fingerprint() for part in self._parts]
        described = f"{parts}, {self._shares(len(parts)).tolist()}"
        return hashlib.blake2b(described.encode(), digest_size=16).hexdigest()
