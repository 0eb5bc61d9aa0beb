"""Which sampler, how many of its rows, in which way: a search by halves, then a study that confirms.

References
----------
Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016
(arXiv:1502.07943): successive halving; here the resource of a candidate is its number of seeds.
"""

import copy
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from gen_augment.codecs import LabelCodec, concatenate, read_rows
from gen_augment.errors import InputError
from gen_augment.rng import derive_seed
from gen_augment.study.arms import ROW_STEPS, Arm, parse_arm, prepared, resampled, varied
from gen_augment.study.models import is_network_factory
from gen_augment.study.result import StudyResult
from gen_augment.study.statistics import Interval
from gen_augment.study.task import Part

if TYPE_CHECKING:
    from gen_augment.study.runner import Study

__all__ = ["Recommendation", "candidates", "recommend"]

_ROUNDS = 4  # after which one candidate in sixteen is left
_SEARCH_SHARE = 0.5  # of the budget
_FIRST_SHARE = 0.25  # of the budget, for one seed of all candidates


@dataclass(frozen=True)
class Recommendation:
    """What to do with this data.

    Attributes
    ----------
    use : str or None
        The arm, or None: use none.
    verdict : str
        Of the study that confirmed, on seeds and test rows that the search has not seen.
    result : StudyResult
        That study.
    searched : dict of str to float
        Mean validation score of each candidate over the seeds that it was given.
    sampler : sampler or None
        Fitted on all labelled rows, more than the search saw where `per_class` limits those, behind its filters: a
        source for `AugmentedDataset`, `augment_loader` and `SampleBank`.
    counts : dict
        Synthetic rows of each label that the arm would add to those rows.
    vary : float or None
        Strength, where they are to be new versions of real rows: made by `vary` of the sampler rather than `sample`.
    pretrain : bool
        Whether they are to be trained on alone, for the first half of the steps, and the real rows for the other.
    share : float or None
        Of each batch, where there is to be a fixed one: ``augment_loader(loader, sampler, ratio=share)``.
    resample : str
        What is done to the real rows that they stand beside, such as "oversample"; "real" for nothing.
    """

    use: str | None
    verdict: str
    result: StudyResult
    searched: dict[str, float]
    sampler: Any = None
    counts: dict[Any, int] | None = None
    vary: float | None = None
    pretrain: bool = False
    share: float | None = None
    resample: str = "real"

    def augment(self, X: Any, y: Any = None) -> tuple[Any, Any]:
        """Rows and labels, with the recommended synthetic ones after them; unchanged where there are none to use.

        Where the arm resamples real rows, so does this.

        Raises
        ------
        InputError
            The synthetic rows are to be trained on before the real ones, or are to be a share of each batch.
        """
        X, y = read_rows(X, y)
        if self.sampler is None or not self.counts:
            return X, y
        if self.pretrain:
            raise InputError(
                f"{self.use!r} trains on synthetic rows first and on real rows after: draw them with "
                "sampler.sample(y=counts), and train twice."
            )
        if self.share is not None:
            loader = (
                ""
                if self.resample == "real"
                else f", with a loader of real rows after {self.resample!r}"
            )
            raise InputError(
                f"{self.use!r} makes {self.share:g} of each batch synthetic: use augment_loader(loader, sampler, "
                f"ratio={self.share:g}, labels='balanced'){loader}."
            )
        encoder, codes = LabelCodec.fit(y)
        real = resampled(self.resample, Part(X, codes), encoder.classes, 0)
        if self.vary is not None:
            new = np.repeat(encoder.encode(list(self.counts)), list(self.counts.values()))
            new_X = varied(
                self.use or "", self.sampler, self.vary, Part(X, codes), new, encoder.classes, 0
            )
            new_y = encoder.classes[new]
        else:
            new_X, new_y = self.sampler.sample(y=self.counts)
        return concatenate([real.X, new_X]), np.concatenate(
            [encoder.classes[real.codes], np.asarray(new_y)]
        )


def candidates(
    study: "Study", ratios: Sequence[float], filters: Sequence[str], guidance: Sequence[float],
    vary: Sequence[float], shares: Sequence[float], pretrain: bool, best: Arm,
) -> list[str]:  # fmt: skip
    """Names of arms: each sampler with each ratio, filter and, where it has any, guidance, under the steps of `best`.

    New versions of real rows, shares of batches, and training on synthetic rows first are tried at the middle ratio
    alone; the last two with networks. Where `best` resamples the real rows, they stand beside those. Of imbalanced
    rows, as many as make classes alike are tried too, beside the rows as they are.
    """
    steps = [step for step in (*best.batch_steps, best.balance) if isinstance(step, str) and step]
    recipe = "".join(f"+{step}" for step in steps if step != "threshold")
    resamples = isinstance(best.rows, str) and best.rows in ROW_STEPS and best.rows != "real"
    prefix = f"{best.rows}+" if resamples else ""
    middle = sorted(ratios)[len(ratios) // 2]
    found = []
    for name, sampler in study.samplers.items():
        strengths: list[float | None] = [
            None,
            *(guidance if "guidance" in sampler.get_params() else ()),
        ]
        uses = []
        for ratio, word, strength in product(ratios, ("", *filters), strengths):
            options = [f"{ratio:g}", word, "" if strength is None else f"guidance={strength:g}"]
            uses.append(":".join(option for option in options if option))
        ways = [f"vary={strength:g}" for strength in vary] if _can_vary(sampler) else []
        if is_network_factory(study.model):
            ways += [*(f"share={share:g}" for share in shares), *(["pretrain"] if pretrain else [])]
        uses += [f"{middle:g}:{way}" for way in ways]
        found += [f"{prefix}{name}:{use}{recipe}" for use in uses]
        found += [f"{name}{recipe}"] if study.imbalanced else []
    return found


def _can_vary(sampler: Any) -> bool:
    return hasattr(sampler, "vary")


def recommend(
    study: "Study",
    directory: str | os.PathLike[str] | None,
    *,
    budget: float | None,
    n_jobs: int | None,
    ratios: Sequence[float],
    filters: Sequence[str],
    guidance: Sequence[float],
    vary: Sequence[float],
    shares: Sequence[float],
    pretrain: bool,
    shorten: bool,
    on_trial: Any,
    on_plan: Any,
) -> Recommendation:
    """See `Study.recommend`."""
    if study.sizes:
        raise InputError(
            f"sizes={list(study.sizes)}: a search has no learning curve; run the study for that."
        )
    if not ratios:
        raise InputError("ratios is empty: give one at least, such as 1.")
    if not study.samplers:
        raise InputError("samplers is empty: there is nothing to search among.")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary if directory is None else directory)
        apart = copy.copy(study)
        apart.task = study.task.with_test_apart(derive_seed(study.random_state, "apart"))
        scout = copy.copy(apart)
        scout.task = apart.task.without_test()
        scout.random_state = derive_seed(study.random_state, "search")
        scout.sequential, scout.corruptions = False, False
        plain = {name: arm for name, arm in study.arms.items() if not arm.is_generative} or {
            "real": Arm("real")
        }
        scores = _scores(scout, plain, 2, folder / "baselines", n_jobs, on_trial, {})
        baseline = plain[max(scores, key=lambda name: scores[name])]
        names = candidates(study, ratios, filters, guidance, vary, shares, pretrain, baseline)
        limit = None if budget is None else start + _SEARCH_SHARE * 60 * budget
        first = {
            "budget": None if budget is None else _FIRST_SHARE * budget,
            "shorten": shorten,
            "on_plan": on_plan,
        }
        arms = {name: parse_arm(name, study.samplers) for name in names}
        best, searched = _halve(scout, arms, folder, n_jobs, limit, first, on_trial)
        apart.arms = plain | {best.name: best}
        left = None if budget is None else max(0.01, budget - (time.monotonic() - start) / 60)
        # Its sampler has been searched for with as many steps as it has now.
        result = apart.run(
            folder / "confirmation", budget=left, shorten=False, n_jobs=n_jobs, on_trial=on_trial,
            on_plan=on_plan or (lambda _: None),
        )  # fmt: skip
    sign = 1 if result.higher_is_better else -1
    searched = {name: sign * score for name, score in (scores | searched).items()}
    compared = result.compared()
    if not _decided(compared, study.margin):
        return Recommendation(None, result.verdict(), result, searched)
    sampler, counts = _fitted(best, study.task.rows, study.task.labels, study.random_state)
    use = best.synthetic
    return Recommendation(
        best.name, result.verdict(), result, searched, sampler, counts, use.vary, use.pretrain, use.share,
        best.resample,
    )  # fmt: skip


def _decided(compared: Interval | None, margin: float) -> bool:
    return compared is not None and compared.n >= 3 and compared.low > margin


def _halve(
    scout: "Study", arms: dict[str, Arm], folder: Path, n_jobs: int | None, limit: float | None,
    first: dict[str, Any], on_trial: Any,
) -> tuple[Arm, dict[str, float]]:  # fmt: skip
    """The best candidate, and the last score of each: one more seed in each round, for the better half.

    The first round is run within a budget, and the others with the steps that it had.
    """
    searched: dict[str, float] = {}
    alive = arms
    for number in range(1, _ROUNDS + 1):
        found = _scores(
            scout, alive, number, folder / "search", n_jobs, on_trial, first if number == 1 else {}
        )
        if not found:
            raise InputError(
                "no candidate could be trained: run a study with these samplers, and read its errors."
            )
        searched |= found
        order = sorted(found, key=lambda name: -found[name])
        alive = {name: scout.running[name] for name in order[: (len(order) + 1) // 2]}
        if len(alive) == 1 or (limit is not None and time.monotonic() > limit):
            break
    return next(iter(alive.values())), searched


def _scores(
    scout: "Study", arms: dict[str, Arm], n_seeds: int, folder: Path, n_jobs: int | None, on_trial: Any,
    within: dict[str, Any],
) -> dict[str, float]:  # fmt: skip
    scout.arms, scout.n_seeds = arms, n_seeds
    result = scout.run(folder, n_jobs=n_jobs, on_trial=on_trial, **within)
    sign = 1 if result.higher_is_better else -1
    return {
        str(name): float(score)
        for name, score in (sign * result.scores("validation").mean()).items()
    }


def _fitted(arm: Arm, rows: Part, labels: LabelCodec, seed: int) -> tuple[Any, dict[Any, int]]:
    """The arm's sampler on all rows, and the synthetic rows of each label that it would add to them."""
    sampler = clone(arm.sampler).set_params(random_state=derive_seed(seed, "recommended") % 2**31)
    y = labels.classes[rows.codes]
    sampler.fit(rows.X, y)
    counts = arm.synthetic.counts(np.bincount(rows.codes, minlength=len(labels.classes)))
    source = prepared(arm.row_step, sampler, arm.synthetic, rows, labels.classes, seed)
    return source, {
        label: int(n) for label, n in zip(labels.classes.tolist(), counts, strict=True) if n
    }
