"""Building a bank block by block, by one process or several, with kills in between.

A folder under construction holds ``plan.json`` (what is to be built), ``rows.bin`` at its full size, and
``blocks.bin`` with the digest of each block that is there. A block counts as built when its bytes have that
digest, so that whatever was cut short is built again. When every block is there, ``manifest.json`` is written
and the plan removed: a bank with a manifest is whole.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from gen_augment import archive
from gen_augment.bank.manifest import DIGEST_BYTES, MANIFEST, ROWS, Manifest, digest_of
from gen_augment.errors import ArchiveError, InputError
from gen_augment.rejection import Filter, draw
from gen_augment.types import SupportsSample

__all__ = ["PLAN", "build_rows", "describe_progress"]

PLAN, BLOCKS = "plan.json", "blocks.bin"
_NOT_BUILT = bytes(DIGEST_BYTES)


def build_rows(
    path: Path,
    plan: Manifest,
    source: SupportsSample,
    filters: Sequence[Filter],
    part: tuple[int, int],
    on_block: Callable[[int, int], None],
) -> bool:
    """Build the blocks of one part that are not there yet; return whether the bank is whole.

    Parameters
    ----------
    path : Path
        The bank's folder.
    plan : Manifest
    source : fitted sampler
    filters : sequence of callables
    part : (i, n)
        The i-th of n ranges of blocks.
    on_block : callable ``(done, of)``
        Called before the first block and after each one.
    """
    if (path / MANIFEST).exists():
        _check_same(path, Manifest.read(path / MANIFEST).plan(), plan)
        _clear(path)
        return True
    with _disk_errors(path):
        _lay_out(path, plan)
        with (path / ROWS).open("r+b") as rows, (path / BLOCKS).open("r+b") as digests:
            mine = range(plan.n_blocks * part[0] // part[1], plan.n_blocks * (part[0] + 1) // part[1])
            whole = {block for block in mine if _is_whole(block, plan, rows, digests)}
            on_block(len(whole), len(mine))
            for block in sorted(set(mine) - whole):
                _build_block(block, plan, source, filters, rows, digests)
                whole.add(block)
                on_block(len(whole), len(mine))
            others = set(range(plan.n_blocks)) - whole
            if not all(_is_whole(block, plan, rows, digests) for block in others):
                return (path / MANIFEST).exists()
            os.fsync(rows.fileno())
            found = [_read_digest(block, digests).hex() for block in range(plan.n_blocks)]
        archive.write_bytes(path / MANIFEST, plan.finished(tuple(found)).to_bytes())
        _clear(path)
    return True


def describe_progress(path: Path) -> str:
    """How far a bank has come, in words."""
    plan, built = Manifest.read(path / PLAN), 0
    if (path / BLOCKS).exists():
        with (path / BLOCKS).open("rb") as digests:
            built = sum(_read_digest(block, digests) not in (b"", _NOT_BUILT) for block in range(plan.n_blocks))
    return f"{built} of {plan.n_blocks} blocks are there"


def _clear(path: Path) -> None:
    """Remove what only a build needs."""
    for name in (PLAN, BLOCKS):
        (path / name).unlink(missing_ok=True)


def _lay_out(path: Path, plan: Manifest) -> None:
    """The folder and its files at full size; what another process has laid out is left."""
    made = not path.exists()
    if (path / PLAN).exists():
        _check_same(path, Manifest.read(path / PLAN), plan)
    elif not made and any(file.suffix != ".tmp" for file in path.iterdir()):
        raise InputError(f"{path} is there already and no bank: name a new folder, or empty it first.")
    resumed = (path / PLAN).exists()
    path.mkdir(parents=True, exist_ok=True)
    try:
        if not resumed:
            archive.write_bytes(path / PLAN, plan.to_bytes())
        _allocate(path / ROWS, plan.n_rows * plan.row_dtype.itemsize)
        _allocate(path / BLOCKS, plan.n_blocks * DIGEST_BYTES)
    except BaseException:
        for name in () if resumed else (ROWS, BLOCKS, PLAN):
            (path / name).unlink(missing_ok=True)
        if made:
            path.rmdir()
        raise


def _allocate(file: Path, size: int) -> None:
    """Take all the space before the first row is generated: a full disk is found now, not after hours."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        if os.fstat(handle).st_size == size:
            return
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
        os.truncate(handle, size)
    finally:
        os.close(handle)


def _build_block(
    block: int, plan: Manifest, source: SupportsSample, filters: Sequence[Filter], rows: IO[bytes], digests: IO[bytes]
) -> None:
    numbers = plan.rows_of(block)
    labels = plan.label_codec.classes[plan.codes(np.arange(numbers.start, numbers.stop))]
    X, index = draw(
        source,
        labels,
        filters=filters,
        seed=plan.generator.seed,
        start=numbers.start * plan.max_draws,
        max_draws=plan.max_draws,
    )
    data: Any = np.empty(len(numbers), plan.row_dtype)
    data["row"] = plan.row_codec.pack(X)
    if filters:
        data["index"] = index
    _write_at(rows, numbers.start * plan.row_dtype.itemsize, data.view(np.uint8).data)
    _write_at(digests, block * DIGEST_BYTES, digest_of(data.view(np.uint8).data))


def _write_at(file: IO[bytes], offset: int, data: bytes | memoryview) -> None:
    file.seek(offset)
    file.write(data)
    file.flush()


def _read_digest(block: int, digests: IO[bytes]) -> bytes:
    digests.seek(block * DIGEST_BYTES)
    return digests.read(DIGEST_BYTES)


def _is_whole(block: int, plan: Manifest, rows: IO[bytes], digests: IO[bytes]) -> bool:
    claimed = _read_digest(block, digests)
    if claimed == _NOT_BUILT:
        return False
    numbers, size = plan.rows_of(block), plan.row_dtype.itemsize
    rows.seek(numbers.start * size)
    return digest_of(rows.read(len(numbers) * size)) == claimed


def _check_same(path: Path, there: Manifest, wanted: Manifest) -> None:
    if there == wanted:
        return
    different = [name for name in Manifest.__dataclass_fields__ if getattr(there, name) != getattr(wanted, name)]
    shown = [f"{name} {getattr(there, name)!r}, not {getattr(wanted, name)!r}" for name in different if name != "codec"]
    raise InputError(
        f"{path} holds another bank, or part of one: {'; '.join(shown) or 'rows of another form'}. Name a new folder, "
        "or remove this one."
    )


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        free = ""
        if path.parent.exists():
            free = f" ({shutil.disk_usage(path.parent).free / 1e6:.0f} MB are free there)"
        raise ArchiveError(
            f"cannot write the bank {path}: {error.strerror or error}{free}. Choose a folder with room that can be "
            "written; what was built goes on from where it stopped."
        ) from error
