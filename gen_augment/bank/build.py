"""Building a bank block by block, by one or more processes that may be killed at any time.

A folder under construction holds ``plan.json`` (the manifest without digests), ``rows.bin``
at its full size, and ``blocks.bin`` with the digest of each finished block. A block is
finished if its bytes have that digest, so interrupted blocks are built again. When all
blocks are finished, ``manifest.json`` is written and the plan is removed.

Processes that build the same bank use no locks. The first to link the plan to its name
creates it. A step that fails because another process has finished the bank succeeds.
"""

import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any, Self

import numpy as np

from gen_augment import archive
from gen_augment.bank.manifest import DIGEST_BYTES, MANIFEST, ROWS, Manifest, digest_of, is_there
from gen_augment.errors import ArchiveError, InputError
from gen_augment.jobs import Jobs
from gen_augment.samplers.rejection import Filter, draw
from gen_augment.types import SupportsSample

__all__ = ["PLAN", "build_rows", "describe_progress"]

PLAN, BLOCKS = "plan.json", "blocks.bin"
_NOT_BUILT = bytes(DIGEST_BYTES)
#: Files that a killed process leaves if it was writing a plan, a manifest or a block's own file.
_TEMPORARY = re.compile(r"\.+(plan\.json|manifest\.json|block-\d+\.bin)\..*\.tmp")


def build_rows(
    path: Path,
    plan: Manifest,
    source: SupportsSample,
    filters: Sequence[Filter],
    part: tuple[int, int],
    on_block: Callable[[int, int], None],
    jobs: Jobs,
) -> bool:
    """Build the missing blocks of one part; return whether the bank is complete.

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
        Called before the first block and after each one, or each group of blocks.
    jobs : Jobs
        The processes that build the blocks.
    """
    with _disk_errors(path):
        blocks = None if _is_finished(path, plan) else _lay_out(path, plan)
    if blocks is None:
        return True
    with blocks:
        mine = range(plan.n_blocks * part[0] // part[1], plan.n_blocks * (part[0] + 1) // part[1])
        with _disk_errors(path):
            missing = [block for block in mine if not blocks.is_finished(block)]
        done, size = len(mine) - len(missing), jobs.group_size(len(missing))
        on_block(done, len(mine))
        groups = [missing[start : start + size] for start in range(0, len(missing), size)]
        # Other processes open the files themselves.
        build = partial(_build_blocks, path, plan, source, filters, None if jobs.many else blocks)
        for n in jobs.run((build, group) for group in groups):
            done += n
            on_block(done, len(mine))
        with _disk_errors(path):
            _write_manifest(path, plan, blocks, mine)
    with _disk_errors(path):
        return _is_finished(path, plan)


def _build_blocks(
    path: Path,
    plan: Manifest,
    source: SupportsSample,
    filters: Sequence[Filter],
    opened: "_Blocks | None",
    numbers: Sequence[int],
) -> int:
    """Build some blocks, perhaps in another process; return how many."""
    with _disk_errors(path):
        try:
            blocks = opened or _Blocks(path, plan)
        except FileNotFoundError:
            if _is_finished(path, plan):  # by another build, which has removed the files
                return len(numbers)
            raise
    with nullcontext() if opened else blocks:
        for number in numbers:
            rows = _make_rows(path, number, plan, source, filters)
            with _disk_errors(path):  # errors of filters are not of the disk
                blocks.write(number, rows)
    return len(numbers)


def describe_progress(path: Path) -> str:
    """Describe the progress of a build in words."""
    plan = Manifest.read(path / PLAN, finished=False)
    try:
        digests = (path / BLOCKS).read_bytes()
    except OSError:  # not yet written
        digests = b""
    claims = [
        digests[start : start + DIGEST_BYTES] for start in range(0, len(digests), DIGEST_BYTES)
    ]
    return f"{sum(claim != _NOT_BUILT for claim in claims)} of {plan.n_blocks} blocks are finished"


class _Blocks:
    """The rows and digests of a bank under construction, block by block.

    Files are unbuffered, since another process may write to them at any time.
    """

    def __init__(self, path: Path, plan: Manifest) -> None:
        self.path, self.plan = path, plan
        with ExitStack() as opened:
            self.rows = opened.enter_context(FileIO(path / ROWS, "r+"))
            self.digests = opened.enter_context(FileIO(path / BLOCKS, "r+"))
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.close()

    def digest(self, block: int) -> bytes:
        """Return the stored digest of a block."""
        self.digests.seek(block * DIGEST_BYTES)
        return self.digests.read(DIGEST_BYTES)

    def is_finished(self, block: int) -> bool:
        """Whether the bytes of a block have the stored digest."""
        claimed = self.digest(block)
        if claimed == _NOT_BUILT:
            return False
        numbers, size = self.plan.rows_of(block), self.plan.row_dtype.itemsize
        self.rows.seek(numbers.start * size)
        data = self.rows.read(len(numbers) * size)
        if digest_of(data) != claimed:
            return False
        records = np.frombuffer(data, self.plan.row_dtype)
        return self.plan.store.is_whole(records["row"], self.path)

    def write(self, block: int, data: memoryview) -> None:
        """Write the rows of a block, and then its digest."""
        _write_at(self.rows, self.plan.rows_of(block).start * self.plan.row_dtype.itemsize, data)
        _write_at(self.digests, block * DIGEST_BYTES, memoryview(digest_of(data)))


def _write_at(file: FileIO, offset: int, data: memoryview) -> None:
    file.seek(offset)
    while len(data):
        data = data[file.write(data) :]


def _make_rows(
    path: Path, block: int, plan: Manifest, source: SupportsSample, filters: Sequence[Filter]
) -> memoryview:
    """Generate the rows of a block as bytes of the file, and store what lies outside of it."""
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
    data["row"] = plan.store.write(X, path, block)
    if filters:
        data["index"] = index
    return data.view(np.uint8).data  # type: ignore[no-any-return]


def _write_manifest(path: Path, plan: Manifest, blocks: _Blocks, mine: range) -> None:
    """Complete the bank if the blocks of all parts are finished."""
    if not all(blocks.is_finished(block) for block in range(plan.n_blocks) if block not in mine):
        return
    os.fsync(blocks.rows.fileno())
    digests = tuple(blocks.digest(block).hex() for block in range(plan.n_blocks))
    try:
        archive.write_bytes(path / MANIFEST, plan.finished(digests).to_bytes())
    except ArchiveError:
        if not is_there(path / MANIFEST):  # otherwise another process has written it
            raise


def _is_finished(path: Path, plan: Manifest) -> bool:
    """Whether the bank is complete; the files of its build are then removed."""
    if not is_there(path / MANIFEST):
        return False
    _check_same(path, Manifest.read(path / MANIFEST).plan(), plan)
    for file in path.iterdir():
        if file.name in (PLAN, BLOCKS) or _TEMPORARY.fullmatch(file.name):
            with suppress(OSError):  # the folder may be read-only
                file.unlink()
    return True


def _lay_out(path: Path, plan: Manifest) -> _Blocks | None:
    """Create and open the files at full size; None if another process has finished the bank."""
    _check_place(path)
    new: list[Path] = []
    try:
        for folder in reversed([path, *path.parents]):
            if not folder.exists():
                folder.mkdir(exist_ok=True)
                new.append(folder)
        claimed = _claim(path, plan)
        new += [path / PLAN] if claimed else []
        if _is_finished(path, plan):
            return None
        _check_same(path, Manifest.read(path / PLAN, finished=False), plan)
        new += [path / ROWS, path / BLOCKS] if claimed else []
        _allocate(path / ROWS, plan.n_rows * plan.row_dtype.itemsize)
        _allocate(path / BLOCKS, plan.n_blocks * DIGEST_BYTES)
        return None if _is_finished(path, plan) else _Blocks(path, plan)
    except (OSError, ArchiveError, InputError) as error:
        # After Ctrl-C the files stay: the build can be resumed, perhaps by another process.
        _remove(new, keep=path / ROWS if is_there(path / MANIFEST) else None)
        if not isinstance(error, InputError) and _is_finished(path, plan):
            return None
        raise


def _remove(new: Sequence[Path], keep: Path | None) -> None:
    for made in reversed(new):
        with suppress(OSError):  # another process may have put files into the folder
            if made != keep:
                made.rmdir() if made.is_dir() else made.unlink()


def _check_place(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file: choose a new folder.")
    names = {file.name for file in path.iterdir()} if path.exists() else set()
    if not names & {PLAN, MANIFEST} and not all(_TEMPORARY.fullmatch(name) for name in names):
        raise InputError(
            f"{path} exists and is not a bank: choose a new folder, or empty this one."
        )


def _claim(path: Path, plan: Manifest) -> bool:
    """Write the plan and return True, unless there is one."""
    if (path / PLAN).exists():
        return False
    draft = archive.write_bytes(path / f".{PLAN}.{secrets.token_hex(8)}.tmp", plan.to_bytes())
    try:
        try:
            os.link(draft, path / PLAN)
        except FileExistsError:
            return False
        except OSError:  # the file system has no hard links
            draft.replace(path / PLAN)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _allocate(file: Path, size: int) -> None:
    """Reserve the space before the first row is generated, so that a full disk fails early."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        there = os.fstat(handle)
        if there.st_size == size:
            return
        # Some file systems fill the disk before they refuse a request that is too large.
        if shutil.disk_usage(file.parent).free < size - getattr(there, "st_blocks", 0) * 512:
            raise OSError(
                errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {size / 1e6:.0f} MB are needed"
            )
        if hasattr(os, "posix_fallocate"):
            _fallocate(handle, size)
        os.truncate(handle, size)
    finally:
        os.close(handle)


def _fallocate(handle: int, size: int) -> None:
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        # File systems without this function answer with one of these.
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _check_same(path: Path, there: Manifest, wanted: Manifest) -> None:
    if there == wanted:
        return
    different = [
        name
        for name in Manifest.__dataclass_fields__
        if getattr(there, name) != getattr(wanted, name)
    ]
    shown = [
        f"{name} {getattr(there, name)!r}, not {getattr(wanted, name)!r}"
        for name in different
        if name != "codec"
    ]
    raise InputError(
        f"{path} holds another bank, or part of one: {'; '.join(shown) or 'rows of another form'}. "
        "Choose a new folder, or remove this one."
    )


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        free = shutil.disk_usage(next(folder for folder in path.parents if is_there(folder))).free
        raise ArchiveError(
            f"cannot write the bank {path}: {error.strerror or error} ({free / 1e6:.0f} MB are "
            "free there). Choose a writable folder with space, or free some and build again to "
            "resume."
        ) from error
