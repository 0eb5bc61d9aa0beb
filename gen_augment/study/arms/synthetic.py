"""Synthetic rows of an arm: how many, of which classes, through which filters; one fit of a sampler serves all arms."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact
from sklearn.base import clone

from gen_augment.codecs import LabelCodec, concatenate, infer_codec, take
from gen_augment.data import Rows
from gen_augment.data.counts import allocate
from gen_augment.errors import InputError, LeakError
from gen_augment.filters import (
    DiscriminatorRejection,
    Duplicates,
    FilteredSampler,
    LabelAgreement,
    Novelty,
    Outliers,
    Realism,
)
from gen_augment.rng import derive_seed
from gen_augment.samplers.rejection import fit_filter
from gen_augment.study.task import Part, Split, row_digests

__all__ = [
    "FILTERS",
    "LABEL_MIXES",
    "Drawn",
    "Synthetic",
    "beside",
    "draw_all",
    "draw_rows",
    "prepared",
    "shuffled",
    "synthetic_counts",
    "varied",
]

#: By the names that arms call them.
FILTERS: Mapping[str, type] = {
    "agreement": LabelAgreement,
    "realism": Realism,
    "novelty": Novelty,
    "outliers": Outliers,
    "duplicates": Duplicates,
    "rejection": DiscriminatorRejection,
}
LABEL_MIXES = ("prior", "balanced", "effective")


@dataclass(frozen=True)
class Synthetic:
    """How an arm uses a sampler.

    Attributes
    ----------
    ratio : float or None
        Synthetic rows for each real one; None for as many as make all classes alike and half of the rows synthetic.
    labels : {"prior", "balanced", "effective"} or None
        Of the synthetic rows: as frequent as in the training part, alike, or by the inverse of each class's effective
        number. With None and a ratio, "balanced".
    filters : tuple of str
        Names in `FILTERS`; a row passes where all of them keep it.
    vary : float or None
        Strength in [0, 1] of new versions of real rows; None for rows of the sampler's own.
    guidance : float or None
        Of samplers that have it, in place of their own.
    shuffled : bool
        The control: labels shuffled among the synthetic rows.
    pretrain : bool
        Half of the training steps on synthetic rows alone, the other half on real rows alone.
    soft : bool
        Labels of the synthetic rows are the probabilities that a network gives them, which was trained on the real rows
        alone in as many steps of the same kind (Hinton, Vinyals and Dean 2015, arXiv:1503.02531): rows that look like
        two classes teach both.
    share : float or None
        Of the rows that a classifier meets, in (0, 1]: rows are drawn, or weighted, such that this share of them is
        synthetic, however many there are to draw from; 1 is training on synthetic rows alone. With None, all rows are
        met alike.
    """

    ratio: float | None = None
    labels: str | None = None
    filters: tuple[str, ...] = ()
    vary: float | None = None
    guidance: float | None = None
    shuffled: bool = False
    pretrain: bool = False
    # Keys of arms are made of the representation: without these, those from before them stay valid.
    soft: bool = field(default=False, repr=False)
    share: float | None = field(default=None, repr=False)

    def counts(self, real: np.ndarray) -> np.ndarray:
        """Synthetic rows of each class, of shape (n_classes,), for `real` training rows of each."""
        return synthetic_counts(real, self.ratio, self.labels)

    def weights(self, n_real: int, n_synthetic: int) -> np.ndarray | None:
        """Of real rows, then synthetic ones, with a mean of 1 and the share that is asked for; None for all alike.

        Examples
        --------
        >>> Synthetic(share=0.25).weights(2, 3).round(3).tolist()
        [1.875, 1.875, 0.417, 0.417, 0.417]
        """
        if self.share is None or not n_synthetic:
            return None
        n = n_real + n_synthetic
        each = [(1 - self.share) * n / n_real, self.share * n / n_synthetic]
        return np.repeat(each, [n_real, n_synthetic])

    @property
    def drawn_as(self) -> tuple[Any, ...]:
        """What decides the rows: arms that differ in the use of them alone share them."""
        return self.ratio, self.labels, self.filters, self.vary, self.guidance


@dataclass(frozen=True)
class Drawn:
    """Synthetic rows, and the seconds that they took."""

    part: Part
    seconds: dict[str, float] = field(default_factory=dict)


def synthetic_counts(
    real: np.ndarray, ratio: float | None = None, labels: str | None = None
) -> np.ndarray:
    """Synthetic rows of each class.

    Without a ratio, as many as make all classes alike and at least half of the pool synthetic. With one, that many rows
    for each real one: divided by the classes' shares ("prior"), equally ("balanced"), or by the inverse of the
    effective number ``(1 - b^n) / (1 - b)`` with ``b = 1 - 1 / N`` ("effective").

    References
    ----------
    Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", 2019 (arXiv:1901.05555), section 3.

    Examples
    --------
    >>> synthetic_counts(np.array([50, 50])).tolist(), synthetic_counts(np.array([90, 10])).tolist()
    ([50, 50], [10, 90])
    >>> [synthetic_counts(np.array([90, 10]), 0.5, mix).tolist() for mix in ("prior", "balanced", "effective")]
    [[45, 5], [25, 25], [7, 43]]
    """
    n = int(real.sum())
    if ratio is None and labels is None:
        target = max(int(real.max()), -(-2 * n // len(real)))
        return target - real
    beta = 1 - 1 / n
    shares = {
        "prior": real / n,
        "balanced": np.ones(len(real)),
        "effective": (1 - beta) / (1 - beta ** real.astype(float)),
    }[labels or "balanced"]
    return allocate(round((1.0 if ratio is None else ratio) * n), shares)


def draw_all(
    name: str, sampler: Any, uses: Iterable[Synthetic], split: Split, labels: np.ndarray, seed: int,
    clock: Callable[[], float],
) -> dict[tuple[Any, ...], Drawn | Exception]:  # fmt: skip
    """Fit a clone of `sampler` on the training part, once, and draw the rows of all `uses`.

    Rows are numbered within their class, so that a smaller ratio's rows are among those of a larger one. A use that
    fails leaves its error, and the others go on.
    """
    train = split.train
    fitted = clone(sampler).set_params(random_state=derive_seed(seed, "sampler") % 2**31)
    start = clock()
    fitted.fit(train.X, labels[train.codes])
    fit_seconds = clock() - start
    found: dict[tuple[Any, ...], Drawn | Exception] = {}
    for use in uses:
        if use.drawn_as in found:
            continue
        start = clock()
        try:
            part = draw_rows(name, fitted, use, train, labels, seed)
            _check_no_test_rows(name, part, split)
        except Exception as error:
            found[use.drawn_as] = error
        else:
            found[use.drawn_as] = Drawn(
                part, {"fit_seconds": fit_seconds, "sample_seconds": clock() - start}
            )
    return found


def draw_rows(
    name: str, fitted: Any, use: Synthetic, train: Part, labels: np.ndarray, seed: int
) -> Part:
    """Rows of a fitted sampler for one use, and their class numbers."""
    counts = use.counts(np.bincount(train.codes, minlength=len(labels)))
    codes = np.repeat(np.arange(len(labels)), counts)
    source = prepared(name, fitted, use, train, labels, seed)
    if use.vary is not None:
        return Part(varied(name, source, use.vary, train, codes, labels, seed), codes)
    if hasattr(source, "generate"):
        number = np.concatenate([np.arange(n) for n in counts]) * len(labels) + codes
        return Part(source.generate(number, labels[codes]), codes)
    # A sampler that only knows `sample` may go on along a stream: each use starts from the same place.
    X, y = copy.deepcopy(source).sample(
        y={label: int(n) for label, n in zip(labels.tolist(), counts, strict=True) if n}
    )
    given = LabelCodec(labels, "ndarray", labels.dtype.str).encode(y)
    numbers = np.bincount(given, minlength=len(counts))
    if len(X) != len(given) or (numbers != counts).any():
        raise InputError(
            f"{name!r} was asked for {counts.tolist()} rows of the classes, and gave {len(X)} rows with "
            f"{numbers.tolist()} labels."
        )
    return Part(X, given)


def prepared(
    name: str, fitted: Any, use: Synthetic, train: Part, labels: np.ndarray, seed: int
) -> Any:
    """The fitted sampler with the guidance, and behind the filters, of this use."""
    if use.guidance is not None:
        if "guidance" not in fitted.get_params():
            raise InputError(f"arm {name!r}: {type(fitted).__name__} has no guidance.")
        fitted = copy.copy(fitted).set_params(guidance=use.guidance)
    return _filtered(name, fitted, use.filters, train, labels, seed) if use.filters else fitted


def varied(
    name: str,
    fitted: Any,
    strength: float,
    train: Part,
    codes: np.ndarray,
    labels: np.ndarray,
    seed: int,
) -> Any:
    """New versions of training rows of the classes `codes`, each row in turn."""
    if not hasattr(fitted, "vary"):
        raise InputError(
            f"arm {name!r}: {type(fitted).__name__} cannot vary rows; use one that has `vary`."
        )
    rng = np.random.default_rng(derive_seed(seed, "vary"))
    index = np.empty(len(codes), dtype=np.int64)
    for code in np.unique(codes):
        mine = rng.permutation(np.flatnonzero(train.codes == code))
        index[codes == code] = np.resize(mine, int((codes == code).sum()))
    rows = take(train.X, index)
    return fitted.vary(
        rows, labels[codes], strength=strength, random_state=derive_seed(seed, "vary") % 2**31
    )


def _filtered(
    name: str, fitted: Any, filters: tuple[str, ...], train: Part, labels: np.ndarray, seed: int
) -> FilteredSampler:
    if not hasattr(fitted, "generate"):
        raise InputError(
            f"arm {name!r}: filters need rows by address, and {type(fitted).__name__} has no `generate`."
        )
    gates = []
    for word in filters:
        gate = FILTERS[word]()
        if "random_state" in gate.get_params():
            gate.set_params(random_state=derive_seed(seed, "filter") % 2**31)
        gates.append(fit_filter(gate, Rows.read(train.X, labels[train.codes]), fitted))
    return FilteredSampler(fitted, gates)


def _check_no_test_rows(name: str, synthetic: Part, split: Split) -> None:
    """Raise for rows of the test part, unless they may have been met by chance.

    Such are made of values that training rows have, and are met no more often than rows of the validation part, which
    no sampler has seen either. Of a table of a few categories, any row may be met.
    """
    made, tested = row_digests(synthetic.X), row_digests(split.test.X)
    met = np.isin(tested, made)
    if not met.any():
        return
    control = np.isin(row_digests(split.validation.X), made)
    counts = [[int(hits.sum()), int((~hits).sum())] for hits in (met, control)]
    by_chance = _recombined(take(split.test.X, np.flatnonzero(met)), split.train.X).all()
    if not by_chance or fisher_exact(counts, alternative="greater").pvalue < 1e-3:
        copies = int(np.isin(made, tested).sum())
        raise LeakError(f"{copies} synthetic rows of {name!r} are equal to rows of the test part.")


def _recombined(rows: Any, train: Any) -> np.ndarray:
    """Which rows of a table hold no value that training rows lack."""
    if infer_codec(train)[0].kind != "table":
        return np.zeros(len(rows), dtype=bool)
    frame, known = (
        X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X)) for X in (rows, train)
    )
    return np.asarray(np.logical_and.reduce([frame[name].isin(known[name]) for name in frame]))


def shuffled(part: Part, seed: int) -> Part:
    """The same rows under labels that say nothing of them."""
    return Part(part.X, np.random.default_rng(derive_seed(seed, "shuffle")).permutation(part.codes))


def beside(train: Part, synthetic: Part) -> Part:
    """Real rows, then synthetic ones."""
    return Part(concatenate([train.X, synthetic.X]), np.concatenate([train.codes, synthetic.codes]))
