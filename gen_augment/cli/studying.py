"""Studies as ``gen-augment study`` sets them up, runs them and tells what came out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gen_augment.cli.loading import choose_sampler
from gen_augment.cli.report import FORMATS, print_result
from gen_augment.cli.terminal import err, out, tell
from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.samplers import SAMPLERS, FilteredSampler
from gen_augment.samplers.registry import set_known
from gen_augment.study import Recommendation, Study, StudyInterrupted, save_result
from gen_augment.study.arms import ROW_STEPS
from gen_augment.training.placement import keep_heap, make_fabric

__all__ = ["apart", "choose_samplers", "minutes", "place", "read_sizes", "run_study"]

#: Samplers without a network that default arms use, where rows are compared by their values.
DENSITIES = ("kde", "mixture")


def place(device: str, precision: str | None) -> dict[str, Any]:
    """Return where and how precisely networks compute, as parameters."""
    where: dict[str, Any] = {"device": device}
    return where if precision is None else where | {"precision": precision}


def choose_samplers(
    rows: Rows,
    arms: Sequence[str] | None,
    given: Sequence[str],
    n_steps: int | None,
    where: dict[str, Any],
    search: Path | None,
) -> dict[str, Any]:
    """Return unfitted samplers by the names that arms call them.

    These are the `given` ones, or those that default arms use, or all if `arms` are named. A
    search (`search` is not None) uses those that `arms` names, if it names any.
    """
    classes = [choose_sampler(name) for name in given]
    names = [cls.method for cls in classes]
    if arms is not None:
        names += [name for name in SAMPLERS if name not in names and name not in ROW_STEPS]
    elif not given:
        modality = rows.modality
        by_values = modality.networks.between and not modality.learned_features
        names = [*modality.networks.default_samplers, *(DENSITIES if by_values else ())]
    settings = where if n_steps is None else where | {"max_steps": n_steps}
    samplers = {name: _made(name, settings) for name in names}
    if search is None or arms is None:
        return samplers
    heads = {step.split(":")[0] for arm in arms for step in arm.split("+")}
    return {name: sampler for name, sampler in samplers.items() if name in heads} or samplers


def _made(name: str, settings: dict[str, Any]) -> Any:
    """Return a sampler with those of the settings that it has."""
    sampler = set_known(SAMPLERS[name](), settings)
    if hasattr(sampler, "precision"):
        make_fabric(sampler.device, sampler.precision)  # fails before the first trial, not in it
    return sampler


def apart(rows: Rows, column: str) -> tuple[Rows, Any]:
    """Return a table without this column, and the column."""
    X = rows.X
    if column not in getattr(X, "columns", ()):
        found = (
            f"columns: {', '.join(map(str, X.columns))}"
            if hasattr(X, "columns")
            else f"{rows.modality.name} rows have no columns"
        )
        raise InputError(f"--groups {column!r}: there is no such column; {found}.")
    return replace(rows, X=X.drop(columns=column)), X[column]


def minutes(text: str) -> float:
    """Read ``20m``, ``1.5h``, ``90s``, or a number of minutes."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("s", "m", "h") else (text, "m")
    try:
        return float(number) * {"s": 1 / 60, "m": 1.0, "h": 60.0}[unit]
    except ValueError as error:
        raise InputError(f"--budget {text!r}: give a time such as 20m, 1.5h or 90s.") from error


def read_sizes(text: str | None) -> list[int]:
    """Read ``10,30,100``."""
    try:
        return [int(size) for size in text.split(",")] if text else []
    except ValueError as error:
        raise InputError(
            f"--sizes {text!r}: give rows of each class, such as 10,30,100."
        ) from error


def run_study(
    study: Study,
    output: Path,
    search: Path | None,
    jobs: int,
    budget: float | None,
    *,
    shorten: bool,
) -> None:
    """Run a study or a search, write its report, and print the verdict."""
    folder = output.with_name(output.stem + "-trials")
    found, interrupted = None, False
    keep_heap()  # this process belongs to the command
    try:
        found = (study.run if search is None else study.recommend)(
            folder,
            n_jobs=jobs,
            budget=budget,
            shorten=shorten,
            verbose=True,
            on_plan=lambda words: tell(err, words),
        )
        result = found.result if isinstance(found, Recommendation) else found
    except StudyInterrupted as error:
        interrupted, result = True, error.result
    if not len(result.trials):
        raise KeyboardInterrupt
    if interrupted and search is None:
        save_result(result, folder)
    # Files are written first: standard output may be closed.
    FORMATS[output.suffix](result, output)
    advice = None
    if isinstance(found, Recommendation) and search is not None:
        advice = _save_recommended(found, search)
    print_result(result)
    if advice is not None:
        tell(out, advice)
    kept = folder if search is None else folder / "confirmation"
    tell(out, f"Report: {output}\nTrials: {kept}")
    if interrupted:
        tell(err, "interrupted: the same command continues with the remaining trials.")
        raise KeyboardInterrupt


def _save_recommended(found: Recommendation, path: Path) -> str:
    """Save the sampler of a recommendation, if there is one, and return the advice."""
    if found.use is None:
        return "Use none: no use of these samplers was found to help."
    source = found.sampler
    filtered = isinstance(source, FilteredSampler)
    (source.sampler if filtered else source).save(path)
    counts = ", ".join(f"{label}: {n}" for label, n in (found.counts or {}).items())
    advice = f"Use {found.use}, fitted on all rows: {path}\nSynthetic rows of each label: {counts}"
    if filtered:
        advice += (
            "\nFilters are not saved with the sampler: fit them again with FilteredSampler, and "
            "pass its rows through them."
        )
    return advice
