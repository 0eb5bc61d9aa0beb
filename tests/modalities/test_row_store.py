"""By default a bank stores the arrays of `Codec.pack`."""

from pathlib import Path

import numpy as np
import pytest

from gen_augment import InputError
from gen_augment.modalities import Table
from gen_augment.modalities.row_store import block_file


def test_rows_are_stored_as_they_are_packed(tmp_path: Path) -> None:
    X = np.array([[0.5, 1.0], [2.0, 3.0]])
    codec = Table().fit(X)[0]
    store = codec.modality.views.row_store(codec)
    rows = store.write(X, tmp_path, 0)
    np.testing.assert_array_equal(rows, codec.pack(X))
    assert np.dtype((rows.dtype, rows.shape[1:])) == store.dtype
    assert store.read(rows, tmp_path) is rows
    assert store.is_whole(rows, tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_of_blocks_are_sorted_by_name() -> None:
    assert block_file(Path("bank"), 12) == Path("bank/block-000012.bin")


def test_tables_are_not_compressed() -> None:
    codec = Table().fit(np.array([[0.5], [2.0]]))[0]
    with pytest.raises(
        InputError, match="compression='webp' is for images, and these rows are table"
    ):
        codec.modality.views.row_store(codec, "webp")
