"""Folders that hold one folder of files for each class: writing them, and naming bad files."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gen_augment.errors import InputError

__all__ = ["listed", "write_class_folders"]

#: Unreadable files that an error or a warning lists.
MAX_LISTED = 10


def listed(errors: Sequence[str]) -> str:
    """Return the first 10 errors as indented lines, and how many more there are."""
    lines = "\n".join(f"  {error}" for error in errors[:MAX_LISTED])
    more = f"\n  and {len(errors) - MAX_LISTED} more" if len(errors) > MAX_LISTED else ""
    return lines + more


def write_class_folders(
    folder: Path,
    parts: Iterable[tuple[Any, Any]],
    suffix: str,
    save: Callable[[Path, Any], None],
) -> None:
    """Write rows that arrive in parts as ``LABEL/000000`` and so on, with a suffix.

    Parameters
    ----------
    folder : Path
    parts : iterable of (rows, labels)
    suffix : str
        Such as ".png".
    save : callable
        Writes one row to a new file.

    Raises
    ------
    InputError
        A label cannot be the name of a folder, or two labels name the same one.
    """
    number = 0
    made: set[Any] = set()
    for X, y in parts:
        labels = np.asarray(y).tolist()
        for label in set(labels) - made:
            _make_folder(folder / _safe_name(label))
            made.add(label)
        for row, label in zip(X, labels, strict=True):
            save(folder / _safe_name(label) / f"{number:06d}{suffix}", row)
            number += 1


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True)
    except FileExistsError as error:  # a file system that ignores case
        raise InputError(
            f"label {path.name!r} and another one name the same folder on this disk: rename one "
            "of them."
        ) from error


def _safe_name(label: Any) -> str:
    """Return a label as a folder's name; labels from an archive must not lead out of the folder."""
    name = str(label)
    if name in ("", ".", "..") or any(c in name for c in "/\\\0"):
        raise InputError(f"label {name!r} cannot be the name of a folder.")
    return name
