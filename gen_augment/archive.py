"""One file on disk: safetensors for the arrays, JSON in its header for all else. Nothing is unpickled.

A file is written under a temporary name beside its target and renamed, so that a reader sees the old
file or the new one, and a failed write leaves nothing.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gen_augment.errors import ArchiveError
from gen_augment.types import JSON

__all__ = ["FORMAT", "as_pairs", "check_keys", "check_writable", "read", "write", "write_bytes"]

FORMAT = 1
_KEY = "gen_augment"
_PAIRS = "pairs"


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file whole or not at all; `ArchiveError` says why where it cannot be."""
    path = Path(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(
            prefix=f".{path.name}.", suffix=".tmp", dir=path.parent
        )
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        with contextlib.suppress(PermissionError):  # where a mount decides who owns a file
            Path(temporary).chmod(
                0o666 & ~umask
            )  # mkstemp makes private files; an archive is an ordinary one
        Path(temporary).replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return path


def check_writable(path: str | os.PathLike[str]) -> None:
    """Make the folder of `path`, and fail before hours of work, not after, where nothing can be written into it.

    Raises
    ------
    ArchiveError
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def write(path: str | os.PathLike[str], header: JSON, tensors: Mapping[str, Tensor]) -> Path:
    """Write `header` and `tensors` to `path`, replacing what is there.

    Parameters
    ----------
    path : path-like
    header : dict
        Anything JSON can hold.
    tensors : mapping of str to Tensor

    Raises
    ------
    ArchiveError
        The place cannot be written.
    """
    text = json.dumps({"format": FORMAT, **header}, allow_nan=True)
    arrays = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return write_bytes(path, save(arrays, metadata={_KEY: text}))


def as_pairs(mapping: Mapping[Any, Any]) -> JSON:
    """What `write` takes and `read` makes this mapping of: keys in JSON are strings, and those of it may be numbers."""
    pairs = [
        [key.item() if isinstance(key, np.generic) else key, value]
        for key, value in mapping.items()
    ]
    if all(isinstance(key, str) for key, _ in pairs) and set(mapping) != {_PAIRS}:
        return dict(pairs)
    return {_PAIRS: sorted(pairs, key=repr)}  # numbers and strings have no order among themselves


def read(
    path: str | os.PathLike[str], *, with_tensors: bool = True
) -> tuple[JSON, dict[str, Tensor]]:
    """Read an archive that `write` made, or only its header.

    Raises
    ------
    ArchiveError
        There is no such file, it is cut short, not one of ours, or of another format version.
    """
    path = Path(path)
    if not path.is_file():
        raise ArchiveError(f"{path} is not a file.")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            tensors = {
                name: file.get_tensor(name) for name in (file.keys() if with_tensors else ())
            }
        header = None if text is None else json.loads(text, object_hook=_from_pairs)
    except (
        SafetensorError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:  # no bytes, or bad JSON
        raise ArchiveError(f"{path} is not a readable archive, or is cut short: {error}") from error
    if not isinstance(header, dict):
        raise ArchiveError(f"{path} is a safetensors file, but not one that gen_augment wrote.")
    if header.get("format") != FORMAT:
        raise ArchiveError(
            f"{path} has archive format {header.get('format')!r}; this version of gen_augment reads format {FORMAT}."
        )
    return header, tensors


def check_keys(what: str, found: Mapping[str, Any], expected: set[str]) -> None:
    """Raise `ArchiveError` if `found` lacks an expected key or holds an unknown one."""
    missing, unknown = expected - set(found), set(found) - expected
    if missing or unknown:
        raise ArchiveError(f"{what}: missing {sorted(missing)}, unknown {sorted(unknown)}.")


def _unwritable(path: Path, error: OSError) -> ArchiveError:
    return ArchiveError(
        f"cannot write {path}: {error.strerror or error}. Choose a folder that can be written."
    )


def _from_pairs(record: JSON) -> Any:
    return dict(record[_PAIRS]) if set(record) == {_PAIRS} else record
