"""A sampler whose rows come from several samplers."""

import copy
import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from torch import Tensor

from gen_augment import archive
from gen_augment.archive import digest
from gen_augment.containers import concatenate, take
from gen_augment.data import LabelCodec, Rows
from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities import Codec, Modality, modality_from_json, modality_to_json
from gen_augment.rng import RandomState, derive_seed, resolve_seed, uniform
from gen_augment.samplers import persistence
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.classical import KDESampler
from gen_augment.samplers.flow import ConditionalFlow
from gen_augment.samplers.joint import Joint
from gen_augment.samplers.registry import find_class
from gen_augment.types import JSON
from gen_augment.validation import check_instance

__all__ = ["MixedSampler"]


class MixedSampler(Sampler):
    """Sampler whose rows come from several samplers; it can be used wherever a sampler can.

    The address and the label of a row decide which sampler makes it. That sampler makes the row
    that it has at this address.

    Parameters
    ----------
    samplers : sequence of samplers, optional
        Fitted, or to be fitted by `fit` on the same rows. By default a flow and a KDE.
    weights : sequence of float, optional
        Relative frequency of the rows of each sampler, at least 0; equal by default.
    sites : sequence of str, optional
        Names of the sites whose rows the samplers were fitted on; see `pool`. They are used as they
        were fitted, also in a study or an over-sampler. None if all have the same rows.
    modality : str, Modality or None
        How `fit` reads the rows; by default as the first of `samplers` that has a `modality`.
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
    _holds_rows = property(lambda self: any(part._holds_rows for part in self._parts))

    def __init__(
        self,
        samplers: Sequence[Any] | None = None,
        *,
        weights: Sequence[float] | None = None,
        sites: Sequence[str] | None = None,
        modality: str | Modality | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.samplers = samplers
        self.weights = weights
        self.sites = sites
        self.modality = modality
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit a clone of each sampler on the same rows; a pool of `sites` stays as it is.

        Parameters
        ----------
        X, y
            As in `Sampler.fit`.

        Returns
        -------
        self
        """
        if self.sites is not None:
            self._check_fitted()
            return self
        for part in self.samplers or ():
            check_instance("samplers", part)
        parts = self._defaults() if self.samplers is None else [clone(p) for p in self.samplers]
        self._shares(len(parts))
        if self.random_state is not None:
            seed = resolve_seed(self.random_state)
            for number, part in enumerate(parts):
                part.set_params(random_state=derive_seed(seed, "part", number) % 2**31)
        named = [self.modality, *(getattr(part, "modality", None) for part in parts)]
        modality = next((each for each in named if each is not None), None)
        rows = Rows.read(X, y, modality=modality)
        self.samplers_ = [part.fit(rows) for part in parts]
        self.__dict__.pop("_addresses", None)
        self._remember(rows)
        return self

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted copy, but of a pool of `sites` the pool: its rows are elsewhere."""
        if self.sites is not None:
            return copy.copy(self)
        params = self.get_params(deep=False).items()
        return type(self)(**{name: clone(value, safe=False) for name, value in params})

    def _defaults(self) -> list[Sampler]:
        return [ConditionalFlow(), KDESampler()]

    @property
    def _parts(self) -> list[Any]:
        """The fitted samplers; AttributeError if there are none."""
        parts = self.__dict__.get("samplers_", self.samplers)
        if not parts or not all(hasattr(part, "classes_") for part in parts):
            raise AttributeError(f"this {type(self).__name__} is not fitted")
        same = all(np.array_equal(part.classes_, parts[0].classes_) for part in parts[1:])
        if self.sites is None and not same:
            found = ", ".join(f"{type(p).__name__} {p.classes_.tolist()}" for p in parts)
            raise InputError(
                f"samplers have different classes ({found}): fit all on one data set, or join "
                "those of several sites with pool(samplers)."
            )
        return list(parts)

    @property
    def _joint(self) -> Joint:
        """What the samplers have together, until one is fitted again."""
        parts = self._parts
        key = [(part.codec_, part.label_codec_) for part in parts], self.weights
        cached = self.__dict__.get("_joined")
        if cached is None or not _same(cached[0], key):
            cached = key, Joint.of(parts, self._shares(len(parts)))
            self.__dict__["_joined"] = cached
        joint: Joint = cached[1]
        return joint

    codec_: Codec = property(lambda self: self._joint.codec)  # type: ignore[assignment]
    label_codec_: LabelCodec = property(  # type: ignore[assignment]
        lambda self: self._joint.labels
    )
    classes_: np.ndarray = property(  # type: ignore[assignment]
        lambda self: self._joint.labels.classes
    )
    class_count_: np.ndarray = property(  # type: ignore[assignment]
        lambda self: self._parts[0].class_count_ if self.sites is None else self._joint.counts
    )
    class_prior_: np.ndarray = property(  # type: ignore[assignment]
        lambda self: self._joint.prior
    )
    seed_: int = property(lambda self: self._parts[0].seed_)  # type: ignore[assignment]

    @property
    def privacy_(self) -> JSON | None:
        """The guarantee of the pool, or None if a sampler has none.

        A row is at one site only, so the pool of several sites has the largest epsilon and delta.
        Samplers that were fitted on the same rows have their sums.
        """
        records = [getattr(part, "privacy_", None) for part in self._parts]
        found: list[JSON] = [record for record in records if record is not None]
        if len(found) < len(records):
            return None
        total = sum if self.sites is None else max
        names = ("epsilon", "delta")
        guarantee: JSON = {name: total([record[name] for record in found]) for name in names}
        return guarantee | {"unit": found[0]["unit"], "parts": found}

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

    def origins(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> np.ndarray:
        """Return the name of the sampler that makes each row; see `generate` for the parameters.

        Returns
        -------
        ndarray of shape (n,) of str
        """
        chosen = self._chosen(*self._addressed(index, y, seed))
        names: np.ndarray = np.array(self._names(len(self._parts)))
        return np.asarray(names[chosen])

    def _names(self, n: int) -> list[str]:
        """Return the names of `n` samplers, their positions by default."""
        names = [str(i) for i in range(n)] if self.sites is None else list(self.sites)
        if len(names) != n or len(set(names)) != n or not all(isinstance(s, str) for s in names):
            raise InputError(
                f"sites={self.sites!r}: give a different name to each of {n} samplers."
            )
        return names

    def _chosen(self, index: np.ndarray, codes: np.ndarray, seed: int) -> np.ndarray:
        stream = derive_seed(seed, "part", *["outer"] * self._height)
        return self._joint.choose(codes, uniform(index, stream))

    @property
    def _height(self) -> int:
        """Levels of mixtures below this one, each of which chooses by noise of its own."""
        inner = [part._height for part in self._parts if isinstance(part, MixedSampler)]
        return 1 + max(inner) if inner else 0

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        chosen = self._chosen(index, codes, seed)
        made, places = [], []
        for number, part in enumerate(self._parts):
            mine = np.flatnonzero(chosen == number)
            if len(mine) or (len(index) == 0 and number == 0):
                labels = self.classes_[codes[mine]]
                rows = part.generate(index[mine], labels.astype(part.classes_.dtype), seed=seed)
                made.append(self.codec_.adopted(rows))
                places.append(mine)
        return take(concatenate(made), np.argsort(np.concatenate(places)))

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        headers: list[JSON] = []
        tensors: dict[str, Tensor] = {}
        for number, part in enumerate(self._parts):
            header, learned = part._to_archive()
            headers.append(header)
            # Samplers that are one object share memory, which an archive cannot.
            tensors |= {f"{number}/{name}": tensor.clone() for name, tensor in learned.items()}
        shares = self._shares(len(headers)).tolist()
        record = {
            "weights": shares,
            "sites": self.sites if self.sites is None else self._names(len(headers)),
            "modality": modality_to_json(self.modality),
        }
        return {"class": type(self).__name__, "parts": headers} | record, tensors

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "auto") -> Self:
        """Read what `save` wrote; see `Sampler.load`."""
        header, tensors = archive.read(path)
        if header.get("class") != cls.__name__:
            raise ArchiveError(f"{path} holds a {header.get('class')}, not a {cls.__name__}.")
        return cls._rebuilt(header, tensors, device, path)

    @classmethod
    def _rebuilt(cls, header: JSON, tensors: dict[str, Tensor], device: str, path: Any) -> Self:
        keys = {"format", "class", "weights", "sites", "modality", "parts"}
        header = dict(header)
        content = header.pop("training_rows", None)
        archive.check_keys(f"{path} cannot be used", header, keys)
        parts, headers = [], header["parts"]
        if not isinstance(headers, list) or not all(isinstance(part, dict) for part in headers):
            raise ArchiveError(
                f"{path} cannot be used: parts={headers!r:.80} is no list of samplers."
            )
        for number, part in enumerate(headers):
            prefix = f"{number}/"
            mine = {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
            known = find_class(part.get("class"), path)
            whole = part | {"format": header["format"]}
            if issubclass(known, MixedSampler):
                parts.append(known._rebuilt(whole, mine, device, path))
            else:
                parts.append(persistence.rebuild(known, whole, mine, device, path))
        try:
            modality = modality_from_json(header["modality"])
            weights, sites = header["weights"], header["sites"]
            made = cls(parts, weights=weights, sites=sites, modality=modality)
            made._names(len(made._joint.shares[0]))
            if content is not None:
                made._content = persistence.check_str("training_rows", content)
        except (AttributeError, InputError, TypeError, ValueError) as error:
            raise ArchiveError(f"{path} does not fit together: {error}") from error
        return made

    def __getstate__(self) -> JSON:
        state: JSON = dict(super().__getstate__())
        state.pop("_joined", None)
        return state

    def fingerprint(self) -> str:
        """Hash everything that decides the rows; see `Sampler.fingerprint`."""
        self._check_fitted()
        parts = [part.fingerprint() for part in self._parts]
        described = f"{parts}, {self._shares(len(parts)).tolist()}"
        return digest(described)


def _same(known: Any, found: Any) -> bool:
    """Whether samplers still have the encodings, and the pool the weights, of before."""
    pairs = zip(known[0], found[0], strict=False)
    same = len(known[0]) == len(found[0]) and known[1] is found[1]
    return same and all(a is c and b is d for (a, b), (c, d) in pairs)
