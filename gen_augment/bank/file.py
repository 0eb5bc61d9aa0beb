"""The file that holds the rows of a bank, memory-mapped."""

from pathlib import Path

import numpy as np

from gen_augment.bank.manifest import ROWS, Manifest, digest_of
from gen_augment.errors import ArchiveError

__all__ = ["RowFile"]


class RowFile:
    """The rows of a finished bank; each process maps the file when it first reads from it.

    Parameters
    ----------
    folder : Path
        The folder of the bank.
    manifest : Manifest

    Raises
    ------
    ArchiveError
        The file cannot be read, or has the wrong size.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.path = folder / ROWS
        self.manifest = manifest
        self._records: np.ndarray | None = None
        self._rows: np.ndarray | None = None
        self.check_size()

    def check_size(self) -> None:
        """Raise if the file does not have the size that the manifest gives."""
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise ArchiveError(f"{self.path} cannot be read: {error.strerror}.") from error
        expected = self.manifest.n_rows * self.manifest.row_dtype.itemsize
        if size != expected:
            raise ArchiveError(
                f"{self.path} has {size} bytes, not {expected}: build the bank again."
            )

    @property
    def records(self) -> np.ndarray:
        """Rows, with their addresses if there are filters: structured array of shape (n,)."""
        if self._records is None:
            self.check_size()
            try:
                memory = np.memmap(self.path, self.manifest.row_dtype, mode="r")
            except OSError as error:
                raise ArchiveError(f"{self.path} cannot be read: {error.strerror}.") from error
            # Indexing a memmap, a subclass of ndarray, costs more than reading a row.
            self._records = np.asarray(memory)
        return self._records

    @property
    def rows(self) -> np.ndarray:
        """What the file holds of each row: array of shape (n, ...)."""
        if self._rows is None:
            self._rows = self.records["row"]
        return self._rows

    def packed(self, positions: np.ndarray) -> np.ndarray:
        """Return rows, by position, as `Codec.pack` made them."""
        return self.manifest.store.read(self.rows[positions], self.path.parent)

    def read_into(self, positions: np.ndarray, out: np.ndarray) -> None:
        """Write rows, by position, as `Codec.pack` made them, to an array of their form."""
        rows = self.rows
        in_place = rows.flags.c_contiguous and rows.shape[1:] == out.shape[1:]
        if in_place and out.flags.c_contiguous:
            # The other modes of take use a buffer.
            np.take(rows, positions, axis=0, out=out, mode="clip")
        else:
            out[...] = self.packed(positions)

    def verify(self) -> None:
        """Raise if the rows of a block do not have the digest of the manifest."""
        self.check_size()  # reading beyond the end of a truncated file would kill the process
        records = self.records
        for block, digest in enumerate(self.manifest.digests):
            rows = self.manifest.rows_of(block)
            here = records[rows.start : rows.stop]
            if digest_of(here.view(np.uint8).data).hex() != digest or not (
                self.manifest.store.is_whole(here["row"], self.path.parent)
            ):
                raise ArchiveError(
                    f"{self.path}: rows {rows.start} to {rows.stop - 1} are damaged. Remove the "
                    "folder and build the bank again."
                )
