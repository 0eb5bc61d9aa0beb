"""Rows and labels out of arrays, Datasets and folders; rows by number out of any container."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)
from torchvision import tv_tensors
from torchvision.datasets import ImageFolder

from gen_augment import InputError
from gen_augment.codecs import infer_codec, read_rows, take
from gen_augment.containers import concatenate, stack_rows
from gen_augment.modalities.image.files import open_image


class Pairs(Dataset[Any]):
    """Whatever rows it is given."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return self.rows[index]


class Stream(IterableDataset[Any]):
    """Has a length, and rows in order only."""

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Any]:
        return iter([(torch.zeros(3), 0)] * 3)


GREY = [Image.fromarray(np.full((9, 8), 10 * i, np.uint8)) for i in range(4)]
TENSORS = torch.rand(4, 3, 8, 9, generator=torch.Generator().manual_seed(0))


def test_arrays_are_handed_on_as_they_are() -> None:
    X, y = np.zeros((3, 2)), [0, 1, 0]
    assert read_rows(X, y) == (X, y)


def test_dataset_of_images_and_ints() -> None:
    X, y = read_rows(Pairs(list(zip(GREY, [0, 1, 0, 1], strict=True))), None)
    assert y == [0, 1, 0, 1]
    assert all(a is b for a, b in zip(X, GREY, strict=True))
    assert infer_codec(X)[0].kind == "image"


def test_dataset_of_tensors_and_ints() -> None:
    X, y = read_rows(Pairs(list(zip(TENSORS, [0, 1, 0, 1], strict=True))), None)
    assert y == [0, 1, 0, 1]
    assert torch.equal(X, TENSORS)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_dataset_of_tensors_and_tensors(shape: tuple[int, ...]) -> None:
    labels = torch.tensor([3, 1, 3, 1], dtype=torch.int32).reshape(shape)
    X, y = read_rows(TensorDataset(TENSORS, labels), None)
    assert torch.equal(X, TENSORS)
    assert torch.equal(y, labels.reshape(4))
    assert y.dtype == torch.int32


def test_dataset_of_vectors_is_a_table() -> None:
    X, y = read_rows(TensorDataset(torch.eye(4), torch.arange(4)), None)
    assert infer_codec(X)[0].kind == "table"
    assert y.tolist() == [0, 1, 2, 3]


def test_dataset_of_lists_and_strings() -> None:
    X, y = read_rows(Pairs([[[1.0, 2.0], "a"], [[3.0, 4.0], "b"]]), None)
    np.testing.assert_array_equal(X, [[1, 2], [3, 4]])
    assert y == ["a", "b"]


def test_subclasses_of_tensor_become_plain() -> None:
    X, _ = read_rows(Pairs([(tv_tensors.Image(row), 0) for row in TENSORS]), None)
    assert type(X) is torch.Tensor
    assert torch.equal(X, TENSORS)


def test_parts_of_datasets_are_datasets() -> None:
    whole = TensorDataset(TENSORS, torch.arange(4))
    _, y = read_rows(ConcatDataset([Subset(whole, [3, 1]), whole]), None)
    assert y.tolist() == [3, 1, 0, 1, 2, 3]


def make_folder(root: Path, modes: dict[str, str], size: tuple[int, int] = (8, 9)) -> Path:
    for number, (name, mode) in enumerate(modes.items()):
        (root / name).mkdir(parents=True)
        for i in range(2):
            Image.new(mode, size, 100 * number + i if mode in "LI;16" else 5).save(
                root / name / f"{i}.png"
            )
    return root


@pytest.mark.parametrize("as_type", [str, Path])
def test_folder_of_class_folders(tmp_path: Path, as_type: Any) -> None:
    X, y = read_rows(as_type(make_folder(tmp_path, {"cat": "L", "bee": "L"})), None)
    assert [(image.mode, image.size) for image in X] == [("L", (8, 9))] * 4
    assert y == [0, 0, 1, 1]  # in the order of names
    assert [image.getpixel((0, 0)) for image in X] == [100, 101, 0, 1]


def test_an_image_folder_is_a_dataset_like_any_other(tmp_path: Path) -> None:
    X, y = read_rows(ImageFolder(make_folder(tmp_path, {"cat": "L", "bee": "RGB"})), None)
    assert [(image.mode, image.size) for image in X] == [
        ("RGB", (8, 9))
    ] * 4  # as torchvision opens them
    assert y == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "mode, opened", [("L", "L"), ("RGB", "RGB"), ("RGBA", "RGB"), ("P", "RGB"), ("1", "RGB")]
)
def test_grey_stays_grey_and_all_else_becomes_colour(
    tmp_path: Path, mode: str, opened: str
) -> None:
    Image.new(mode, (8, 9)).save(tmp_path / "a.png")
    assert open_image(str(tmp_path / "a.png")).mode == opened


@pytest.mark.parametrize(
    "dtype, suffix, mode", [(np.uint16, "png", "I;16"), (np.float32, "tif", "F")]
)
def test_an_image_of_more_than_8_bits_is_named(
    tmp_path: Path, dtype: Any, suffix: str, mode: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.full((8, 9), 300, dtype)).save(path)
    with pytest.raises(
        InputError,
        match=rf"a\.{suffix} is an image of mode '{mode}'.*scale it to 8 bits.*as arrays",
    ):
        open_image(str(path))


@pytest.mark.parametrize("keep", [0, 5, 60, 200])
def test_an_image_that_is_cut_short_is_named(tmp_path: Path, keep: int) -> None:
    folder = make_folder(tmp_path, {"a": "L", "b": "L"})
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "b" / "1.png")
    whole = (folder / "b" / "1.png").read_bytes()
    (folder / "b" / "1.png").write_bytes(whole[:keep])
    with pytest.raises(InputError, match=r"b/1\.png cannot be read as an image"):
        read_rows(folder, None)


@pytest.mark.parametrize("make", ["nothing", "file", "no folders", "empty class"])
def test_what_is_no_folder_of_class_folders_is_named(tmp_path: Path, make: str) -> None:
    path = tmp_path / "data"
    if make == "file":
        path.write_text("x")
    elif make == "no folders":
        path.mkdir()
    elif make == "empty class":
        make_folder(path, {"a": "L"})
        (path / "b").mkdir()
    with pytest.raises(
        InputError, match="data' is not a folder of one folder of images for each class"
    ):
        read_rows(path, None)


BAD: dict[str, tuple[Any, Any, str]] = {
    "no y": (np.zeros((3, 2)), None, "requires y"),
    "y twice": (TensorDataset(TENSORS, torch.arange(4)), [0, 1, 0, 1], "brings its own labels"),
    "DataLoader": (DataLoader(Pairs([(1, 2)])), None, r"give its \.dataset"),
    "stream": (Stream(), None, "Stream is an iterable Dataset"),
    "no rows": (Pairs([]), None, "Pairs has no rows"),
    "no pairs": (TensorDataset(TENSORS), None, r"rows must be \(x, label\) pairs"),
    "a bad row": (Pairs([(TENSORS[0], 1), TENSORS[1]]), None, "row 1 of Pairs is a Tensor"),
    "dicts": (Pairs([{"x": 1}]), None, "row 0 of Pairs is a dict"),
    "sizes": (
        Pairs([(torch.zeros(3, 8, 8), 0), (torch.zeros(3, 9, 8), 1)]),
        None,
        r"\(3, 8, 8\), \(3, 9, 8\)",
    ),
    "one-hot": (TensorDataset(TENSORS, torch.eye(4)), None, r"label of row 0 has shape \(4,\)"),
}


@pytest.mark.parametrize("X, y, message", BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_named(X: Any, y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_rows(X, y)


CONTAINERS: dict[str, Any] = {
    "ndarray": np.arange(12).reshape(6, 2),
    "tensor": torch.arange(6),
    "frame": pd.DataFrame({"a": range(6)}, index=list("uvwxyz")),
    "series": pd.Series(range(6), index=[5, 4, 3, 2, 1, 0], name="k"),
    "category": pd.Series(pd.Categorical(list("abcabc"))),
    "list": [Image.new("L", (8, 8), i) for i in range(6)],
    "tuple": tuple(range(6)),
}


@pytest.mark.parametrize("X", CONTAINERS.values(), ids=CONTAINERS)
def test_take_gives_rows_by_number_in_their_container(X: Any) -> None:
    taken = take(X, np.array([4, 0, 4]))
    positions = X.iloc if isinstance(X, (pd.DataFrame, pd.Series)) else X
    expected = [positions[i] for i in (4, 0, 4)]
    if isinstance(X, (pd.DataFrame, pd.Series)):
        assert taken.index.tolist() == [0, 1, 2]
        assert type(taken) is type(X)
        assert taken.to_numpy().tolist() == np.array([np.asarray(row) for row in expected]).tolist()
    else:
        assert type(taken) is (list if isinstance(X, tuple) else type(X))
        assert all(np.array_equal(a, b) for a, b in zip(taken, expected, strict=True))
    if isinstance(X, pd.Series):
        assert taken.dtype == X.dtype
        assert taken.name == X.name


def test_stack_rows_leaves_all_else_alone() -> None:
    frame = pd.DataFrame({"a": [1]})
    for X in (frame, GREY, "text", None):
        assert stack_rows(X) is X


@pytest.mark.parametrize("make", [np.asarray, torch.from_numpy, pd.DataFrame, list])
def test_concatenate_keeps_the_container(make: Any) -> None:
    X = np.arange(10.0).reshape(5, 2)
    joined = concatenate([make(X[:3]), make(X[3:])])
    assert type(joined) is type(make(X))
    np.testing.assert_array_equal(np.asarray(joined), X)
    if isinstance(joined, pd.DataFrame):
        assert joined.index.tolist() == list(range(5))


def test_concatenate_keeps_the_byte_order() -> None:
    X = np.arange(6, dtype=">u2").reshape(3, 2)
    joined = concatenate([X[:1], X[1:]])
    assert joined.dtype.str == ">u2"
    np.testing.assert_array_equal(joined, X)
