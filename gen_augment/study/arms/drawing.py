"""Synthetic rows of an arm; one fit of a sampler serves all arms that use it."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import fisher_exact
from sklearn.base import clone

from gen_augment.containers import take
from gen_augment.data import Rows
from gen_augment.errors import InputError, LeakError
from gen_augment.modalities import Modality
from gen_augment.rng import derive_seed
from gen_augment.samplers import FilteredSampler
from gen_augment.samplers.rejection import fit_filter
from gen_augment.study.arms.synthetic import FILTERS, Synthetic
from gen_augment.study.parts import Parts

__all__ = ["Drawn", "draw_all", "draw_rows", "prepared", "unfitted", "varied"]

#: Below this p-value, more copies of test rows than of validation rows are no chance. It is very
#: small since a given test part may have other rows than validation: shorter texts, for example.
_MAX_P = 1e-6


@dataclass(frozen=True)
class Drawn:
    """Synthetic rows, and the seconds that they took."""

    rows: Rows
    seconds: dict[str, float] = field(default_factory=dict)


def unfitted(estimator: Any, modality: Modality, seed: int) -> Any:
    """Clone an estimator, set its seed, and its modality where it has one that is None."""
    made = clone(estimator).set_params(random_state=seed % 2**31)
    unset = [
        name
        for name, value in made.get_params().items()
        if name.split("__")[-1] == "modality" and value is None
    ]
    return made.set_params(**dict.fromkeys(unset, modality)) if unset else made


def draw_all(
    name: str,
    sampler: Any,
    uses: Iterable[Synthetic],
    parts: Parts,
    seed: int,
    clock: Callable[[], float],
) -> dict[tuple[Any, ...], Drawn | Exception]:
    """Fit a clone of `sampler` on the training part, once, and draw the rows of all `uses`.

    Rows are numbered within their class, so the rows of a smaller ratio are among those of a
    larger one. A use that fails returns its error instead of rows.

    Parameters
    ----------
    name : str
        Name of the sampler, for messages.
    sampler : Sampler
        Unfitted.
    uses : iterable of Synthetic
    parts : Parts
    seed : int
    clock : callable
        Returns seconds.
    """
    train = parts.train
    fitted = unfitted(sampler, train.modality, derive_seed(seed, "sampler"))
    start = clock()
    fitted.fit(train.X, train.classes[train.codes])
    fit_seconds = clock() - start
    found: dict[tuple[Any, ...], Drawn | Exception] = {}
    for use in uses:
        if use.drawn_as in found:
            continue
        start = clock()
        try:
            rows = draw_rows(name, fitted, use, train, seed)
            _check_no_test_rows(name, rows, parts)
        except Exception as error:
            found[use.drawn_as] = error
        else:
            seconds = {"fit_seconds": fit_seconds, "sample_seconds": clock() - start}
            found[use.drawn_as] = Drawn(rows, seconds)
    return found


def draw_rows(name: str, fitted: Any, use: Synthetic, train: Rows, seed: int) -> Rows:
    """Draw the rows of a fitted sampler for one use."""
    labels = train.classes
    counts = use.counts(train.class_counts)
    codes = np.repeat(np.arange(len(labels)), counts)
    source = prepared(name, fitted, use, train, seed)
    if use.vary is not None:
        return train.replaced(varied(name, source, use.vary, train, codes, seed), codes)
    if hasattr(source, "generate"):
        number = np.concatenate([np.arange(n) for n in counts]) * len(labels) + codes
        if use.filters:
            X, places = source.generate_passing(number, labels[codes])
            return train.replaced(X, codes[places])
        return train.replaced(source.generate(number, labels[codes]), codes)
    # A sampler without addresses may continue a stream: each use starts from the same state.
    X, y = copy.deepcopy(source).sample(
        y={label: int(n) for label, n in zip(labels.tolist(), counts, strict=True) if n}
    )
    given = train.labels.encode(y)
    numbers = np.bincount(given, minlength=len(counts))
    if len(X) != len(given) or (numbers != counts).any():
        raise InputError(
            f"{name!r} was asked for {counts.tolist()} rows of the classes, and returned {len(X)} "
            f"rows with {numbers.tolist()} labels."
        )
    return train.replaced(X, given)


def prepared(name: str, fitted: Any, use: Synthetic, train: Rows, seed: int) -> Any:
    """Return the fitted sampler with the guidance and the filters of a use."""
    if use.guidance is not None:
        if "guidance" not in fitted.get_params():
            raise InputError(f"arm {name!r}: {type(fitted).__name__} has no guidance.")
        fitted = copy.copy(fitted).set_params(guidance=use.guidance)
    return _filtered(name, fitted, use.filters, train, seed) if use.filters else fitted


def varied(
    name: str,
    fitted: Any,
    vary: float | tuple[float, ...],
    train: Rows,
    codes: np.ndarray,
    seed: int,
) -> Any:
    """Make new versions of training rows of the classes `codes`, each row in turn.

    If `vary` has several strengths, the versions of a row have them in turn.
    """
    if not hasattr(fitted, "vary"):
        raise InputError(
            f"arm {name!r}: {type(fitted).__name__} cannot vary rows; use one that has `vary`."
        )
    strengths = vary if isinstance(vary, tuple) else (vary,)
    seed = derive_seed(seed, "vary")
    rng = np.random.default_rng(seed)
    index, each = np.empty(len(codes), dtype=np.int64), np.empty(len(codes))
    for code in np.unique(codes):
        mine = rng.permutation(np.flatnonzero(train.codes == code))
        here = codes == code
        index[here] = np.resize(mine, int(here.sum()))
        # The round moves the strengths on, so that a row meets all of them.
        place = np.arange(int(here.sum()))
        turn = place % len(mine) + place // len(mine)
        each[here] = np.take(strengths, turn % len(strengths))
    strength: Any = float(strengths[0]) if len(strengths) == 1 else each
    rows, labels = take(train.X, index), train.classes[codes]
    return fitted.vary(rows, labels, strength=strength, random_state=seed % 2**31)


def _filtered(
    name: str, fitted: Any, filters: tuple[str, ...], train: Rows, seed: int
) -> FilteredSampler:
    if not hasattr(fitted, "generate"):
        raise InputError(
            f"arm {name!r}: filters need rows by address, and {type(fitted).__name__} has no "
            "`generate`."
        )
    gates = []
    for word in filters:
        gate = FILTERS[word]()
        if "random_state" in gate.get_params():
            gate.set_params(random_state=derive_seed(seed, "filter") % 2**31)
        gates.append(fit_filter(gate, train, fitted))
    return FilteredSampler(fitted, gates)


def _check_no_test_rows(name: str, synthetic: Rows, parts: Parts) -> None:
    """Raise for copies of test rows, unless they may have been made by chance.

    By chance, a row consists of values that training rows have, and test rows are made no more
    often than validation rows, which no sampler has seen either. In a table of a few categories,
    any row may be made by chance.
    """
    made, tested = synthetic.digests, parts.test.digests
    copied = np.isin(tested, made)
    if not copied.any():
        return
    control = np.isin(parts.validation.digests, made)
    counts = [[int(hits.sum()), int((~hits).sum())] for hits in (copied, control)]
    rows = parts.test.part(np.flatnonzero(copied))
    train = parts.train
    by_chance = train.modality.views.by_chance(train.codec, rows.X, train.X).all()
    if not by_chance or fisher_exact(counts, alternative="greater").pvalue < _MAX_P:
        copies = int(np.isin(made, tested).sum())
        raise LeakError(f"{copies} synthetic rows of {name!r} are equal to rows of the test part.")
