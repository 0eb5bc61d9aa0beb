"""Synthetic rows to files, whole or not at all."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities import Codec, Modality

__all__ = ["check_output", "write_parts"]


def check_output(path: Path, modality: Modality) -> bool:
    """Return whether `path` is a file that will be replaced; raise if it cannot be written.

    A folder that holds anything is not replaced.
    """
    suffixes = modality.suffixes
    if suffixes and path.suffix.lower() not in suffixes:
        raise InputError(
            f"{path}: {modality.name} rows are written to a {' or '.join(suffixes)} file."
        )
    is_file = path.is_file() and bool(suffixes)
    if path.exists() and not is_file and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"{path} is there already: name a new one, or remove it first.")
    return is_file


def write_parts(path: Path, parts: Iterable[tuple[Any, Any]], codec: Codec) -> None:
    """Write rows as they come, all of them or nothing; only one part is in memory.

    Parameters
    ----------
    path : Path
        A file, which is replaced, or a new folder, see `Modality.write`.
    parts : iterable of (X, y)
        Rows and labels, at least one part.
    codec : Codec
        The encoding of the rows.

    Raises
    ------
    ArchiveError
        The place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = f".{path.name}.{socket.gethostname()}-"
        _remove_leftovers(path.parent, mine)
        temporary = Path(tempfile.mkdtemp(prefix=f"{mine}{os.getpid()}-", dir=path.parent))
    except OSError as error:
        raise ArchiveError(
            f"cannot write {path}: {error.strerror}. Choose a folder that is writable."
        ) from error
    try:
        written = temporary / f"rows{path.suffix.lower()}"
        codec.modality.write(written, iter(parts), codec)
        if path.is_dir():
            path.rmdir()  # an empty one, as `check_output` found
        written.replace(path)
    except (OSError, UnicodeError) as error:  # UnicodeError: a label that no file can be named by
        reason = getattr(error, "strerror", None) or error
        raise ArchiveError(f"cannot write {path}: {reason}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _remove_leftovers(folder: Path, start: str) -> None:
    """Remove folders of processes of this machine that were killed while they wrote."""
    if os.name != "posix":  # elsewhere there is no harmless signal
        return
    for entry in folder.iterdir():
        number = entry.name.removeprefix(start).partition("-")[0]
        if entry.name.startswith(start) and number.isdecimal() and not _is_alive(int(number)):
            shutil.rmtree(entry, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        pass
    return True
