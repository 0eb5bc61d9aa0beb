"""Archives: safetensors files whose header holds all other data as JSON.

Nothing is unpickled. A file is written under a temporary name in the same folder and
renamed. A reader sees either the old or the new file, and a failed write leaves no file
behind.
"""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gen_augment.errors import ArchiveError, InputError
from gen_augment.types import JSON

__all__ = [
    "FORMAT",
    "as_pairs",
    "check_keys",
    "check_writable",
    "digest",
    "digest_of_files",
    "read",
    "read_json",
    "write",
    "write_bytes",
    "write_json",
]

FORMAT = 1
_KEY = "gen_augment"
#: Hashes, by which damage is noticed that leaves a readable file.
_HEADER_DIGEST, _TENSORS_DIGEST = "header_digest", "tensors_digest"
_PAIRS = "pairs"


def write_bytes(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file atomically: completely or not at all.

    Raises
    ------
    ArchiveError
        The file cannot be written; the message gives the reason.
    """
    path = Path(path)
    temporary, target = None, Path(os.path.realpath(path))  # a link stays, and its file is new
    try:
        handle, temporary = tempfile.mkstemp(
            prefix=f".{target.name[:99]}.", suffix=".tmp", dir=target.parent
        )
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        with contextlib.suppress(PermissionError):  # some mounts fix the owner and the mode
            Path(temporary).chmod(0o666 & ~umask)  # mkstemp creates private files
        Path(temporary).replace(target)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return path


def write_json(path: str | os.PathLike[str], record: Mapping[str, Any]) -> Path:
    """Write JSON values to a file, as `write_bytes` does."""
    return write_bytes(path, (json.dumps(record, indent=1) + "\n").encode())


def read_json(path: Path) -> JSON:
    """Read a JSON object that another program wrote.

    Raises
    ------
    InputError
        The file cannot be read, or holds something else.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(record, dict):
        raise InputError(f"{path} holds a {type(record).__name__}, not a JSON object.")
    return record


def check_writable(path: str | os.PathLike[str]) -> None:
    """Create the folder of `path`, and raise if it is not writable.

    Call this before a long computation.

    Raises
    ------
    ArchiveError
        The folder cannot be created or is not writable.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def write(path: str | os.PathLike[str], header: JSON, tensors: Mapping[str, Tensor]) -> Path:
    """Write `header` and `tensors` to `path`, replacing an existing file.

    Parameters
    ----------
    path : path-like
    header : dict
        JSON values.
    tensors : mapping of str to Tensor

    Raises
    ------
    ArchiveError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile, torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     header, tensors = read(write(f"{folder}/a", {"n": 3}, {"x": torch.ones(2)}))
    >>> header["n"], tensors["x"].tolist()
    (3, [1.0, 1.0])
    """
    text = json.dumps({"format": FORMAT, **header}, allow_nan=True)
    arrays = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {_KEY: text, _HEADER_DIGEST: digest(text), _TENSORS_DIGEST: _hash_tensors(arrays)}
    return write_bytes(path, save(arrays, metadata=metadata))


def as_pairs(mapping: Mapping[Any, Any]) -> JSON:
    """Return a mapping as JSON that `read` restores, even if keys are numbers."""
    pairs = [
        [key.item() if isinstance(key, np.generic) else key, value]
        for key, value in mapping.items()
    ]
    if all(isinstance(key, str) for key, _ in pairs) and set(mapping) != {_PAIRS}:
        return dict(pairs)
    return {_PAIRS: sorted(pairs, key=repr)}  # numbers and strings cannot be compared


def read(
    path: str | os.PathLike[str], *, with_tensors: bool = True
) -> tuple[JSON, dict[str, Tensor]]:
    """Read an archive written by `write`, or only its header.

    Raises
    ------
    ArchiveError
        The file is missing, damaged or changed, not from this package, or of another format
        version.
    """
    path = Path(path)
    if not path.is_file():
        raise ArchiveError(f"{path} is not a file.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            text = metadata.get(_KEY)
            tensors = {
                name: file.get_tensor(name) for name in (file.keys() if with_tensors else ())
            }
        header = None if text is None else json.loads(text, object_hook=_from_pairs)
    except (SafetensorError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ArchiveError(f"{path} is not a readable archive, or is cut short: {error}") from error
    if not isinstance(header, dict):
        raise ArchiveError(f"{path} is a safetensors file that gen_augment has not written.")
    if header.get("format") != FORMAT:
        raise ArchiveError(
            f"{path} has archive format {header.get('format')!r}; this version of gen_augment "
            f"reads format {FORMAT}."
        )
    intact = metadata.get(_HEADER_DIGEST) == digest(str(text))
    if with_tensors and intact:
        intact = metadata.get(_TENSORS_DIGEST) == _hash_tensors(tensors)
    if not intact:
        raise ArchiveError(
            f"{path} was changed after it was written, or damaged: copy or write it again."
        )
    return header, tensors


def _hash_tensors(tensors: Mapping[str, Tensor]) -> str:
    flat = {name: tensors[name].reshape(-1).view(torch.uint8).numpy() for name in sorted(tensors)}
    shapes = [(name, str(tensors[name].dtype), list(tensors[name].shape)) for name in flat]
    return digest(repr(shapes), *flat.values())


def check_keys(what: str, found: Mapping[str, Any], expected: set[str]) -> None:
    """Raise `ArchiveError` if an expected key is missing or a key is unknown."""
    missing, unknown = expected - set(found), set(found) - expected
    if missing or unknown:
        raise ArchiveError(f"{what}: missing {sorted(missing)}, unknown {sorted(unknown)}.")


def _unwritable(path: Path, error: OSError) -> ArchiveError:
    remedy = "Choose a folder that is writable"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "Make room, or choose another disk"
    elif error.errno == errno.ENAMETOOLONG:
        remedy = "Choose a shorter name"
    return ArchiveError(f"cannot write {path}: {error.strerror or error}. {remedy}.")


def _from_pairs(record: JSON) -> Any:
    return dict(record[_PAIRS]) if set(record) == {_PAIRS} else record


def digest(*parts: Any) -> str:
    """Hash a text or buffers, such as bytes and arrays, one after another, to 32 hex digits."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(part.encode() if isinstance(part, str) else part)
    return found.hexdigest()


def digest_of_files(folder: Path, files: Iterable[Path]) -> str:
    """Hash the content of files of a folder, and their names within it."""
    found = hashlib.blake2b(digest_size=16)
    for path in files:
        found.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "blake2b").digest())
    return found.hexdigest()
