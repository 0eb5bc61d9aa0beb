"""Samplers as ``gen-augment fit`` sets them up and fits them."""

from pathlib import Path
from typing import Any

from sklearn.base import clone

from gen_augment.cli.loading import choose_sampler, show_report
from gen_augment.cli.terminal import err, progress_lines, tell
from gen_augment.data import Rows
from gen_augment.data.sources import LoadedData
from gen_augment.errors import InputError
from gen_augment.samplers import load_sampler
from gen_augment.samplers.registry import set_known
from gen_augment.training import Callback, Checkpoint, SampleGrid, keep_heap

__all__ = ["fitted", "make_sampler"]

#: Steps between two checkpoints, and between two pictures.
EVERY = 250
#: Options that give what messages about `Private` ask for.
_OPTIONS = {
    "Private(bounds=(": "--bound LOW..HIGH",
    ": (low, high)})": "--bound COLUMN=LOW..HIGH",
    ": (first, last)})": "--bound COLUMN=FIRST..LAST",
    ": [...]})": "--bound COLUMN=A,B,C",
    "Private(classes=[": "--classes A,B,C",
    "'paid'})": "--bound COLUMN=paid, or --paid for all that is not given",
    "classes='paid')": "--paid",
}


class StepLines(Callback):
    """A line on standard error now and then, where no progress bar can move."""

    sees_samples_only = True

    def on_fit_begin(self, sampler: Any, loop: Any) -> None:
        self._update = progress_lines(f"fit {type(sampler).__name__}")

    def on_step_end(self, sampler: Any, loop: Any) -> None:
        self._update(loop.step, loop.max_steps)


def make_sampler(
    name: str | None,
    init: Path | None,
    asked: dict[str, Any],
    partial: Path,
    resume: bool,
    grid: Path | None,
    seed: int,
    device: str,
) -> tuple[Any, Any]:
    """Return an unfitted sampler, and the fitted one that it starts from.

    Without a `name`, the sampler is a copy of `init`. `asked` are parameters that only samplers
    with training have; those that are None are left out.
    """
    start = None if init is None else load_sampler(init, device=device)
    model = clone(start) if name is None else choose_sampler(name)()
    if resume and not partial.exists():
        tell(err, f"there is no {partial} to resume: the fit starts from the beginning.")
    callbacks: list[Callback] = [Checkpoint(partial, every=EVERY, resume=resume)]
    if grid is not None:
        callbacks.append(SampleGrid(grid, every=EVERY))
    if not err.is_terminal:
        callbacks.append(StepLines())
    settings = {
        "random_state": seed,
        "device": device,
        "verbose": err.is_terminal,
        "callbacks": callbacks,
    }
    known = model.get_params(deep=False)
    set_known(model, settings)
    given = {key: value for key, value in asked.items() if value is not None}
    for key in (*given, *_given_to_fit(start, resume, grid)):
        if "max_steps" not in known:
            raise InputError(
                f"{type(model).__name__} is not trained, so it takes no {key}: leave it out."
            )
    model.set_params(**given)
    return model, start


def _given_to_fit(start: Any, resume: bool, grid: Path | None) -> list[str]:
    """Names of options that need training and are no parameters of a sampler."""
    given = {"init": start is not None, "resume": resume, "grid": grid is not None}
    return [name for name, is_given in given.items() if is_given]


def fitted(model: Any, loaded: LoadedData, start: Any) -> int:
    """Print how columns were read, fit the sampler, and return the number of rows."""
    show_report(loaded)
    keep_heap()  # this process belongs to the command
    try:
        return _fitted(model, loaded, {} if start is None else {"init": start})
    except InputError as error:
        options = [option for text, option in _OPTIONS.items() if text in str(error)]
        if not options:
            raise
        raise InputError(f"{error} On the command line: {' or '.join(options)}.") from error


def _fitted(model: Any, loaded: LoadedData, options: dict[str, Any]) -> int:
    source = loaded.source
    if isinstance(source, Rows) or "modality" not in model.get_params(deep=False):
        model.fit(loaded.rows, **options)
        return len(loaded.rows)
    model.set_params(modality=loaded.modality).fit(source.X, source.y, **options)
    return int(model.class_count_.sum())
