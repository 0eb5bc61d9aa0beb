"""Data by name, from folders of images and from tables in files."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import datasets
from torchvision.datasets import MNIST

from gen_augment import InputError
from gen_augment.data import Rows
from gen_augment.data.sources import DATASETS, LoadedData, data_root, load_data
from gen_augment.modalities import Image as Images

needs_data = pytest.mark.skipif(
    not os.environ.get("GEN_AUGMENT_DATA"), reason="GEN_AUGMENT_DATA names no folder"
)


def write_image(path: Path, mode: str, size: tuple[int, int], value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


def write_folder(root: Path, *, mode: str = "L", size: tuple[int, int] = (10, 8)) -> Path:
    for value, label in enumerate(["cat", "bee"]):
        for i in range(3):
            write_image(root / label / f"{i}.png", mode, size, 100 * value + i)
    return root


def test_digits_are_the_images_of_scikit_learn() -> None:
    data = load_data("digits")
    bunch = datasets.load_digits()
    assert data.rows.X.dtype == np.uint8
    assert (data.rows.X.min(), data.rows.X.max()) == (0, 255)
    np.testing.assert_array_equal(
        np.rint(data.rows.X / 255 * 16), bunch.images
    )  # 17 distinct grey levels
    np.testing.assert_array_equal(data.rows.y, bunch.target)
    assert data.test is None


@pytest.mark.parametrize("name, columns, classes", [("wine", 13, 3), ("breast-cancer", 30, 2)])
def test_tables_of_scikit_learn_are_frames(name: str, columns: int, classes: int) -> None:
    data = load_data(name)
    assert isinstance(data.rows.X, pd.DataFrame)
    assert data.rows.X.shape[1] == columns
    assert data.rows.y.nunique() == classes
    assert (data.name, data.target) == (name, data.rows.y.name)


@needs_data
@pytest.mark.parametrize("name, mirror", [("mnist", False), ("fashion-mnist", True)])
def test_idx_files_come_with_their_test_part(name: str, mirror: bool) -> None:
    data = load_data(name)
    assert (data.rows.X.shape, data.rows.X.dtype) == ((60_000, 28, 28), np.uint8)
    assert data.test is not None
    assert data.test.X.shape == (10_000, 28, 28)
    assert np.bincount(data.test.y).tolist() == [1000] * 10 or name == "mnist"
    assert data.mirror is mirror


def test_data_that_cannot_be_downloaded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(self: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("GEN_AUGMENT_DATA", str(tmp_path))
    monkeypatch.setattr(MNIST, "download", offline)
    with pytest.raises(
        InputError, match=rf"mnist is not in {tmp_path} and cannot be downloaded: no route to host"
    ):
        load_data("mnist")


def test_data_root_is_the_environment_or_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEN_AUGMENT_DATA", "/some/where")
    assert data_root() == Path("/some/where")
    monkeypatch.setenv("GEN_AUGMENT_DATA", "")
    assert data_root() == Path.home() / ".cache" / "gen_augment"


# Folders.


@pytest.mark.parametrize("mode, shape", [("L", (6, 8, 10)), ("RGB", (6, 8, 10, 3))])
def test_a_folder_of_class_folders_is_an_array_with_names(
    mode: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    data = load_data(write_folder(tmp_path / "pets", mode=mode))
    assert (data.rows.X.shape, data.rows.X.dtype) == (shape, np.uint8)
    assert data.rows.y.tolist() == ["bee"] * 3 + ["cat"] * 3
    assert data.rows.X.reshape(6, 80, -1)[:, 0, 0].tolist() == [100, 101, 102, 0, 1, 2]
    assert (data.name, data.test) == ("pets", None)


def test_train_and_test_folders_stay_apart(tmp_path: Path) -> None:
    write_folder(tmp_path / "train")
    write_image(tmp_path / "test" / "bee" / "9.png", "L", (10, 8), 77)
    data = load_data(tmp_path)
    assert len(data.rows.X) == 6
    assert data.test is not None
    assert (data.test.X == 77).all()
    assert data.test.y.tolist() == ["bee"]


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_a_validation_folder_is_the_test_part(name: str, tmp_path: Path) -> None:
    write_folder(tmp_path / "train")
    write_image(tmp_path / name / "cat" / "9.png", "L", (10, 8), 77)
    data = load_data(tmp_path)
    assert data.test is not None
    assert (len(data.rows), data.test.y.tolist()) == (6, ["cat"])
    assert data.notes == (f"train/ is the training part, {name}/ the test part",)


def test_a_validation_folder_next_to_a_test_folder_is_left_out(tmp_path: Path) -> None:
    for name in ("train", "val", "test"):
        write_folder(tmp_path / name)
    write_image(tmp_path / "test" / "cat" / "9.png", "L", (10, 8), 77)
    data = load_data(tmp_path)
    assert data.test is not None
    assert (len(data.rows), len(data.test)) == (6, 7)
    assert "val/ is left out" in data.notes


@pytest.mark.parametrize("names", [("Train", "Val"), ("training", "testing")])
def test_parts_are_no_classes(names: tuple[str, str], tmp_path: Path) -> None:
    write_folder(tmp_path / names[0])
    write_image(tmp_path / names[1] / "cat" / "9.png", "L", (10, 8), 77)
    data = load_data(tmp_path)
    assert data.test is not None
    assert (len(data.rows), data.test.y.tolist()) == (6, ["cat"])
    with pytest.warns(UserWarning, match=f"{names[0]}/ is read, and {names[1]}/ left out"):
        rows = Rows.read(tmp_path)
    assert (len(rows), rows.classes.tolist()) == (6, data.rows.classes.tolist())


def test_unreadable_images_may_be_left_out(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "cat" / "empty.png").touch()
    with pytest.raises(InputError, match=r"1 file.*--skip-unreadable"):
        load_data(tmp_path)
    for read in (
        lambda: load_data(tmp_path, options={"on_error": "skip"}).rows,
        lambda: Rows.read(tmp_path, modality=Images(on_error="skip")),
    ):
        with pytest.warns(UserWarning, match=r"1 file.*left out(.|\n)*empty.png"):
            assert len(read()) == 6


def test_a_modality_reads_only_its_own_files(tmp_path: Path) -> None:
    write_folder(tmp_path)
    with pytest.raises(InputError, match="cannot be read as table"):
        load_data(tmp_path, modality="table")


def test_grey_and_colour_together_are_colour(tmp_path: Path) -> None:
    write_folder(tmp_path)
    write_image(tmp_path / "ant" / "0.png", "RGB", (10, 8))
    data = load_data(tmp_path)
    assert data.rows.X.shape == (7, 8, 10, 3)
    np.testing.assert_array_equal(data.rows.X[1], np.full((8, 10, 3), 100))


def test_images_of_several_sizes_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path)
    write_image(tmp_path / "ant" / "0.png", "L", (9, 9))
    with pytest.raises(
        InputError, match=r"images of several sizes, such as 9 x 9 and 10 x 8 px.*image_size=128"
    ):
        load_data(tmp_path)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "bee" / "4.png").write_text("no image")
    with pytest.raises(InputError, match=r"bee/4\.png cannot be read as an image"):
        load_data(tmp_path)


def test_a_folder_without_classes_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "0.png", "L", (8, 8))
    with pytest.raises(InputError, match="not a folder of one folder of images for each class"):
        load_data(tmp_path)


# Tables.

FRAME = pd.DataFrame(
    {"age": [30, 41, 25], "income": [1.5, 2.25, -3.0], "member": [True, False, True]}
)
LABELS = pd.Series(["stays", "goes", "stays"], name="churn")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_is_read_with_its_dtypes(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"customers{suffix}"
    whole = FRAME.assign(churn=LABELS)
    if suffix == ".csv":
        whole.to_csv(path, index=False)
    else:
        whole.to_parquet(path)
    data = load_data(str(path), target="churn")
    pd.testing.assert_frame_equal(data.rows.X, FRAME)
    pd.testing.assert_series_equal(data.rows.y, LABELS)
    assert (data.name, data.target, data.test) == ("customers", "churn", None)


@pytest.mark.parametrize("suffix", [".CSV", ".Parquet"])
def test_a_suffix_may_be_in_capitals(suffix: str, tmp_path: Path) -> None:
    whole = FRAME.assign(churn=LABELS)
    write = whole.to_csv if suffix == ".CSV" else whole.to_parquet
    write(tmp_path / f"t{suffix}", index=False)
    pd.testing.assert_frame_equal(load_data(tmp_path / f"t{suffix}", target="churn").rows.X, FRAME)


def test_parquet_keeps_small_and_categorical_dtypes(tmp_path: Path) -> None:
    labels = pd.Series(
        pd.Categorical(["b", "a", "b"], categories=["b", "a", "z"], ordered=True), name="k"
    )
    frame = FRAME.astype({"age": "int8", "income": "float32"})
    frame.assign(k=labels).to_parquet(tmp_path / "t.parquet")
    data = load_data(tmp_path / "t.parquet", target="k")
    pd.testing.assert_frame_equal(data.rows.X, frame)
    pd.testing.assert_series_equal(data.rows.y, labels)


def test_a_long_column_has_one_type(tmp_path: Path) -> None:
    # A file read in chunks would have integer labels in one chunk and text in another.
    (tmp_path / "t.csv").write_text("x,k\n" + "1,1\n" * 530_000 + "1,a\n")
    assert set(load_data(tmp_path / "t.csv", target="k").rows.y) == {"1", "a"}


BAD_TABLES: dict[str, tuple[str, bytes, str | None, str]] = {
    "no target": ("t.csv", b"a,b\n1,2\n", None, "no target column was named; columns: a, b"),
    "unknown target": ("t.csv", b"a,b\n1,2\n", "c", "there is no column 'c'; columns: a, b"),
    "missing labels": ("t.csv", b"a,b\n1,x\n2,\n3,\n", "b", "2 rows have no 'b'"),
    "empty": ("t.csv", b"", "b", "cannot be read as csv"),
    "no rows": ("t.csv", b"a,b\n", "b", r"t\.csv has no rows"),
    "no csv": ("t.csv", b'a,b\n"1,2\n', "b", "cannot be read as csv"),
    "no text": ("t.csv", b"a,b\n\xff\xfe,2\n", "b", "cannot be read as csv"),
    "no parquet": ("t.parquet", b"PAR1 but no more", "b", "cannot be read as parquet"),
    "other suffix": (
        "t.xlsx",
        b"",
        "b",
        r"a table is a file of \.csv, \.tsv, \.parquet, \.arff, \.dat, not '\.xlsx'",
    ),
    "no suffix": ("t", b"", "b", "not 'a file without suffix'"),
}


@pytest.mark.parametrize("name, content, target, message", BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables_are_named(
    name: str, content: bytes, target: str | None, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_data(tmp_path / name, target=target)


@pytest.mark.parametrize("source", ["nothing", "", "digit", "/no/such/folder"])
def test_missing_data_is_named(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if source:
        with pytest.raises(
            InputError, match=f"'{source}' is neither one of {', '.join(DATASETS)}, nor a folder"
        ):
            load_data(source)
    else:  # the current folder
        with pytest.raises(InputError, match="not a folder of one folder of images"):
            load_data(source)


# A part of each class.


def test_head_draws_the_given_number_of_rows_of_each_class() -> None:
    data = load_data("wine")
    part = data.head(5, seed=1)
    assert part.rows.y.value_counts().tolist() == [5, 5, 5]
    assert (part.name, part.target, part.mirror, part.test) == (
        data.name,
        data.target,
        data.mirror,
        data.test,
    )
    merged = part.rows.X.assign(k=part.rows.y).merge(
        data.rows.X.assign(k=data.rows.y), how="left", indicator=True
    )
    assert (merged["_merge"] == "both").all()


def test_head_keeps_the_form_of_the_labels() -> None:
    y = pd.Series(
        pd.Categorical(list("abcabc"), categories=list("cab")), name="k", index=range(10, 16)
    )
    part = LoadedData("t", Rows.read(FRAME.iloc[[0, 1, 2, 0, 1, 2]], y)).head(1)
    assert part.rows.y.dtype == y.dtype
    assert part.rows.y.name == "k"
    assert sorted(part.rows.y) == ["a", "b", "c"]


def test_head_repeats_and_takes_all_rows_of_a_small_class() -> None:
    data = LoadedData("t", Rows.read(np.arange(20).reshape(10, 2), np.array([0] * 8 + [1] * 2)))
    first, again, other = data.head(4, 0), data.head(4, 0), data.head(4, 3)
    np.testing.assert_array_equal(first.rows.X, again.rows.X)
    assert not np.array_equal(first.rows.X, other.rows.X)
    assert first.rows.y.tolist() == [0, 0, 0, 0, 1, 1]
    np.testing.assert_array_equal(first.rows.X[-2:], data.rows.X[8:])


def test_without_a_home_the_folder_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("GEN_AUGMENT_DATA", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(
        InputError, match=r"Could not determine home directory.*set GEN_AUGMENT_DATA"
    ):
        load_data("mnist")
