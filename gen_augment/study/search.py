"""Which sampler, how many of its rows, used in which way: a search, then a study that confirms.

References
----------
Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
2016 (arXiv:1502.07943): successive halving. Here the resource of a candidate is its number of
seeds.
"""

import os
import tempfile
import time
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from gen_augment.errors import InputError
from gen_augment.rng import derive_seed
from gen_augment.study.arms import ROW_STEPS, Arm, parse_arm, prepared, unfitted
from gen_augment.study.models import is_network_factory
from gen_augment.study.preparation import PreparedStudy, prepare
from gen_augment.study.recommendation import Recommendation
from gen_augment.study.runner import Runner, RunOptions
from gen_augment.study.spec import StudySpec
from gen_augment.study.statistics import Interval
from gen_augment.study.verdict import MIN_SEEDS

__all__ = ["SearchSpace", "candidates", "recommend"]

#: Rows per real row that are tried with a teacher beside the others: students need many.
TAUGHT_RATIO = 10
_ROUNDS = 4  # after which one candidate in sixteen is left
_SEARCH_SHARE = 0.5  # of the budget
_FIRST_SHARE = 0.25  # of the budget, for one seed of all candidates


@dataclass(frozen=True)
class SearchSpace:
    """Uses of samplers to try; see `gen_augment.study.Study.recommend`."""

    ratios: tuple[float, ...] = (0.5, 1, 2)
    filters: tuple[str, ...] = ("agreement",)
    guidance: tuple[float, ...] = (1.5,)
    vary: tuple[float, ...] = (0.3,)
    shares: tuple[float, ...] = (0.25,)
    pretrain: bool = True


def candidates(study: PreparedStudy, space: SearchSpace, best: Arm) -> list[str]:
    """Name the arms to try: uses of each sampler under the batch steps and balance of `best`.

    If `best` resamples the real rows, synthetic rows are added to the resampled rows. With
    imbalanced rows, as many rows as balance the classes are tried too, added to the real rows.
    With a teacher, its labels are tried too, unless `best` resamples or treats imbalance.
    """
    steps = [step for step in (*best.batch_steps, best.balance) if isinstance(step, str) and step]
    recipe = "".join(f"+{step}" for step in steps if step != "threshold")
    resamples = isinstance(best.rows, str) and best.rows in ROW_STEPS and best.rows != "real"
    prefix = f"{best.rows}+" if resamples else ""
    middle = sorted(space.ratios)[len(space.ratios) // 2]
    network = is_network_factory(study.model)
    found = []
    for name, sampler in study.samplers.items():
        guided = space.guidance if "guidance" in sampler.get_params() else ()
        uses = []
        for ratio, word, strength in product(space.ratios, ("", *space.filters), (None, *guided)):
            options = [f"{ratio:g}", word, "" if strength is None else f"guidance={strength:g}"]
            uses.append(":".join(option for option in options if option))
        ways = [f"vary={strength:g}" for strength in space.vary] if hasattr(sampler, "vary") else []
        ways += [f"share={share:g}" for share in space.shares] if network else []
        ways += ["pretrain"] if network and space.pretrain else []
        uses += [f"{middle:g}:{way}" for way in ways]
        if study.teachers and not (resamples or best.balance):
            uses += [f"{ratio:g}:prior:teacher" for ratio in (*space.ratios, TAUGHT_RATIO)]
        found += [f"{prefix}{name}:{use}{recipe}" for use in uses]
        found += [f"{name}{recipe}"] if study.imbalanced else []
    return found


def recommend(
    study: PreparedStudy,
    directory: str | os.PathLike[str] | None,
    space: SearchSpace,
    options: RunOptions,
) -> Recommendation:
    """Search, confirm and fit; see `gen_augment.study.Study.recommend`."""
    _check(study, space)
    start, budget = time.monotonic(), options.budget
    confirmation = _with_fixed_test(study)
    scout = _without_test(confirmation, study.random_state)
    plain = {
        name: arm for name, arm in study.arms.items() if not (arm.is_generative or arm.is_teacher)
    } or {"real": Arm("real")}
    if study.teachers:
        plain.setdefault("real:teacher", Arm("real:teacher", taught=True))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary if directory is None else directory)
        unlimited = replace(options, budget=None)
        scores, _ = _scores(scout, plain, 2, folder / "baselines", unlimited)
        baseline = plain[max(scores, key=lambda name: scores[name])]
        arms = {
            name: parse_arm(name, study.samplers, study.task.modality)
            for name in candidates(study, space, baseline)
        }
        first = replace(options, budget=None if budget is None else _FIRST_SHARE * budget)
        limit = None if budget is None else start + _SEARCH_SHARE * 60 * budget
        best, searched = _halve(scout, arms, folder, first, limit)
        left = None if budget is None else max(0.01, budget - (time.monotonic() - start) / 60)
        # The best candidate keeps the number of steps that it was found with.
        last = replace(
            options, budget=left, shorten=False, on_plan=options.on_plan or (lambda _: None)
        )
        chosen = replace(confirmation, arms=(*plain.values(), best))  # and the teacher, if any
        result = Runner(prepare(chosen), folder / "confirmation", last).run()
    sign = study.metric.sign
    searched = {name: sign * score for name, score in (scores | searched).items()}
    found = Recommendation(None, result.verdict(), result, searched, modality=study.task.modality)
    if not _decided(result.comparison().interval, study.spec.margin):
        return found
    return _fitted(found, best, study)


def _check(study: PreparedStudy, space: SearchSpace) -> None:
    if study.sizes:
        raise InputError(
            f"sizes={list(study.sizes)}: a search has no learning curve; run the study for that."
        )
    if not space.ratios:
        raise InputError("ratios is empty: give one at least, such as 1.")
    if not study.samplers:
        raise InputError("samplers is empty: there is nothing to search among.")


def _with_fixed_test(study: PreparedStudy) -> StudySpec:
    """Return the specification with one fixed test part, held out now if there is none yet."""
    rows, test = study.task.with_fixed_test(derive_seed(study.random_state, "apart"))
    return replace(
        study.spec,
        X=rows,
        y=None,
        model=study.model,
        samplers=study.samplers,
        split=replace(study.spec.split, test=test, groups=None),
        training=study.training,
        random_state=study.random_state,
    )


def _without_test(confirmation: StudySpec, random_state: int) -> StudySpec:
    """Return the specification of the search: rows to learn from only.

    Each seed holds out as few of them as possible as its test part, one for each class.
    """
    rows = confirmation.X
    test_size = rows.n_classes / len(rows)
    split = replace(confirmation.split, test=None, test_size=test_size, allow_fewer=True)
    return replace(
        confirmation,
        split=split,
        conditions=type(confirmation.conditions)(),
        sequential=False,
        random_state=derive_seed(random_state, "search"),
    )


def _decided(compared: Interval | None, margin: float) -> bool:
    return compared is not None and compared.n >= MIN_SEEDS and compared.low > margin


def _halve(
    scout: StudySpec,
    arms: dict[str, Arm],
    folder: Path,
    first: RunOptions,
    limit: float | None,
) -> tuple[Arm, dict[str, float]]:
    """Return the best candidate, and the last score of each.

    Each round adds a seed for the better half. The first round has a budget, and the others train
    samplers for the steps that it planned.
    """
    searched: dict[str, float] = {}
    alive, options = arms, first
    for number in range(1, _ROUNDS + 1):
        found, running = _scores(scout, alive, number, folder / "search", options)
        if not found:
            raise InputError(
                "no candidate could be trained: run a study with these samplers, and read its "
                "errors."
            )
        searched |= found
        order = sorted(found, key=lambda name: -found[name])
        alive = {name: running[name] for name in order[: (len(order) + 1) // 2]}
        if len(alive) == 1 or (limit is not None and time.monotonic() > limit):
            break
        options = replace(first, budget=None)
    return next(iter(alive.values())), searched


def _scores(
    scout: StudySpec, arms: dict[str, Arm], n_seeds: int, folder: Path, options: RunOptions
) -> tuple[dict[str, float], dict[str, Arm]]:
    """Return the validation score of each arm, larger is better, and the arms as they were run."""
    spec = replace(scout, arms=tuple(arms.values()), add_real=False, n_seeds=n_seeds)
    runner = Runner(prepare(spec), folder, options)
    result = runner.run()
    means = (result.metric.sign * result.scores("validation").mean()).items()
    return {str(name): float(score) for name, score in means}, runner.collected.running


def _fitted(found: Recommendation, arm: Arm, study: PreparedStudy) -> Recommendation:
    """Add the arm's sampler, fitted on all rows, and the rows of each label that it would add."""
    rows, seed, use = study.task.rows, study.random_state, arm.synthetic
    sampler = unfitted(arm.sampler, rows.modality, derive_seed(seed, "recommended"))
    sampler.fit(rows.X, rows.classes[rows.codes])
    counts = use.counts(rows.class_counts)
    labels = rows.classes.tolist()
    return replace(
        found,
        use=arm.name,
        sampler=prepared(arm.row_step, sampler, use, rows, seed),
        counts={label: int(n) for label, n in zip(labels, counts, strict=True) if n},
        vary=use.vary,
        pretrain=use.pretrain,
        share=use.share,
        resample=arm.resample,
        taught=arm.taught,
    )
