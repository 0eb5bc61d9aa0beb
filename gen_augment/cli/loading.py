"""Samplers, modalities and data as the command line names them."""

import importlib
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from gen_augment.cli.terminal import err, tell
from gen_augment.data.sources import LoadedData, load_data
from gen_augment.errors import InputError
from gen_augment.modalities import Modality, get_modality, register
from gen_augment.samplers import SAMPLERS, Sampler, load_sampler, register_sampler

__all__ = [
    "choose_modality",
    "choose_sampler",
    "find_label",
    "open_sampler",
    "read_data",
    "set_parameters",
    "show_report",
]

#: Columns that are listed before a table is fitted.
SHOWN_COLUMNS = 60


def choose_sampler(name: str) -> Any:
    """Return a class of samplers by its name; ``package.module:Class`` is registered first."""
    if ":" in name:
        made = _import_class(name, "sampler")
        if not issubclass(made, Sampler):
            raise InputError(f"{name!r} is not a subclass of gen_augment.Sampler.")
        return register_sampler(made)
    if name not in SAMPLERS:
        raise InputError(
            f"sampler {name!r} is not one of {', '.join(SAMPLERS)}. Write package.module:Class "
            "for one of your own."
        )
    return SAMPLERS[name]


def choose_modality(name: str | None) -> str | Modality | None:
    """Return a modality by its name; one given as ``package.module:Class`` is registered."""
    if name is None:
        return None
    if ":" not in name:
        return get_modality(name)
    made = _import_class(name, "modality")
    if not issubclass(made, Modality):
        raise InputError(f"{name!r} is not a subclass of gen_augment.modalities.Modality.")
    return register(made)()


def open_sampler(path: Path, device: str, sampler: str | None, modality: str | None) -> Any:
    """Load a fitted sampler; its class and its modality may be the user's own."""
    choose_modality(modality)
    if sampler is not None:
        choose_sampler(sampler)
    return load_sampler(str(path), device=device)  # "hub:owner/name" has come as a path


def set_parameters(samplers: Iterable[Any], given: dict[str, Any]) -> None:
    """Set the parameters of ``--set`` in all samplers that have them.

    Raises
    ------
    InputError
        No sampler has a parameter.
    """
    samplers = list(samplers)
    for name, value in given.items():
        having = [each for each in samplers if name in each.get_params(deep=False)]
        if not having:
            known = sorted({key for each in samplers for key in each.get_params(deep=False)})
            kinds = ", ".join(type(each).__name__ for each in samplers)
            raise InputError(f"--set {name}: {kinds} has only {', '.join(known)}.")
        for sampler in having:
            sampler.set_params(**{name: value})


def _import_class(name: str, what: str) -> Any:
    module, _, attribute = name.partition(":")
    if (here := str(Path.cwd())) not in sys.path:  # as `python -m` has it
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # the user's own module may raise anything
        raise InputError(
            f"{what} {name!r} cannot be loaded ({error}). Write package.module:Class, with the "
            "module in this folder or installed."
        ) from error
    if not isinstance(found, type):
        raise InputError(f"{what} {name!r} is a {type(found).__name__}, not a class.")
    return found


def read_data(
    source: str,
    *,
    target: str | None,
    modality: str | Modality | None,
    options: dict[str, Any],
    keep_identifiers: bool = False,
    per_class: int | None = None,
    seed: int = 0,
) -> LoadedData:
    """Load data and tell how its file was read."""
    loaded = load_data(
        source,
        target=target,
        modality=modality,
        options=options,
        keep_identifiers=keep_identifiers,
    )
    for note in loaded.notes:
        tell(err, f"{source}: {note}.")
    return loaded if per_class is None else loaded.head(per_class, seed)


def show_report(loaded: LoadedData) -> None:
    """Print how each column was read, as one table."""
    if not loaded.report:
        return
    # This table names identifiers, so the samplers need not.
    warnings.filterwarnings("ignore", message="columns .* hold identifiers")
    table = Table(box=None, pad_edge=False)
    for title in ("column", "read as", "missing", "example", "note"):
        table.add_column(title, justify="right" if title == "missing" else "left", overflow="fold")
    for reading in loaded.report[:SHOWN_COLUMNS]:
        table.add_row(
            escape(reading.column),
            escape(reading.reading),
            str(reading.missing or ""),
            escape(reading.example),
            escape(reading.why),
        )
    err.print(table, highlight=False)
    rest = loaded.report[SHOWN_COLUMNS:]
    if rest:
        tell(err, f"... and {len(rest)} more columns.")
        for reading in rest:
            if reading.why:
                tell(err, f"{reading.column}: {reading.why}")


def find_label(classes: Any, text: str) -> Any:
    """Return the known label that is written as `text`."""
    for label in classes.tolist():
        if str(label) == text or (isinstance(label, bool) and str(label).lower() == text.lower()):
            return label
    known = ", ".join(map(str, classes.tolist()))
    raise InputError(f"label {text!r} was not seen in fit; known labels: {known}.")
