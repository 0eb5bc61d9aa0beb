"""Folders of Parquet files: what they may hold, and how many rows are read."""

from pathlib import Path

import pandas as pd
import pytest

from gen_augment import InputError
from gen_augment.modalities.table.parquet_folder import (
    different_columns,
    first_rows,
    open_folder,
    with_columns,
)
from tests.data.test_streams import FRAME, write_folder


def test_the_first_rows_of_some_columns_are_read(tmp_path: Path) -> None:
    found = open_folder(write_folder(tmp_path / "data", FRAME[:15], FRAME[15:]))
    assert (found.count_rows(), different_columns(found)) == (40, "")
    first = first_rows(with_columns(found, ["kind", "a"]), 17, tmp_path)
    pd.testing.assert_frame_equal(first.to_pandas(), FRAME[["kind", "a"]][:17])


def test_other_columns_and_other_files_are_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data", FRAME, FRAME.drop(columns="kind"))
    with pytest.raises(InputError, match=r"\['kind'\] are not in .*1.parquet, but in other files"):
        open_folder(folder)
    found = open_folder(write_folder(folder, FRAME, FRAME.assign(a="word")))
    with pytest.raises(InputError, match="whose columns have one type"):
        first_rows(found, 50, folder)
    (folder / "readme.txt").write_text("words")
    with pytest.raises(InputError, match="give one that holds no other files"):
        open_folder(folder)
