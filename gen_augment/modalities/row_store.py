"""How a bank stores rows, as the rows' encoding says: by default as arrays of one size."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["RowStore", "block_file"]


class RowStore:
    """Rows of a bank as the arrays of `Codec.pack`, in the bank's own file.

    A subclass may store rows in a file for each block, and give the bank records that say where
    each row is. A bank is built by several processes, which may be killed at any time. So what
    `write` writes must depend on the rows alone, and `is_whole` must find what is missing.

    Parameters
    ----------
    pack : callable
        `Codec.pack`.
    example : rows
        One decoded row.

    Attributes
    ----------
    dtype : dtype
        What the bank's file holds of one row, with its shape.
    n_bytes : int
        Memory of one packed row. A block holds as many rows as fit its memory.
    """

    dtype: np.dtype[Any]
    n_bytes: int

    def __init__(self, pack: Callable[[Any], np.ndarray], example: Any) -> None:
        one = pack(example)
        self.dtype = np.dtype((one.dtype, one.shape[1:]))
        self.n_bytes = self.dtype.itemsize
        self._pack = pack

    def write(self, X: Any, folder: Path, block: int) -> np.ndarray:
        """Store the decoded rows of a block; return what the bank's file holds of them.

        Parameters
        ----------
        X : decoded rows
        folder : Path
            The folder of the bank, for a file that is named by `block_file`.
        block : int
            The number of the block.

        Returns
        -------
        ndarray of `dtype`, one for each row
        """
        return self._pack(X)

    def read(self, rows: np.ndarray, folder: Path) -> np.ndarray:
        """Return rows as `Codec.pack` made them, from what the bank's file holds of them.

        Raises
        ------
        ArchiveError
            A file is missing or damaged.
        """
        return rows

    def is_whole(self, rows: np.ndarray, folder: Path) -> bool:
        """Whether the bytes of rows are those that were written."""
        return True


def block_file(folder: Path, block: int) -> Path:
    """Return the file in which a block's rows are stored, apart from the bank's own file."""
    return folder / f"block-{block:06d}.bin"
