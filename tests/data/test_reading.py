"""Rows and labels of arrays, Datasets and folders."""

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
from gen_augment.data import Rows
from gen_augment.data.reading import read_rows
from gen_augment.modalities import Image as ImageModality
from gen_augment.modalities import Table, find_modality
from tests.modalities.image.test_files import make_folder


class Pairs(Dataset[Any]):
    """A dataset of given rows."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return self.rows[index]


class Stream(IterableDataset[Any]):
    """A dataset with a length that can only be read in order."""

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Any]:
        return iter([(torch.zeros(3), 0)] * 3)


GREY = [Image.fromarray(np.full((9, 8), 10 * i, np.uint8)) for i in range(4)]
TENSORS = torch.rand(4, 3, 8, 9, generator=torch.Generator().manual_seed(0))


def test_arrays_are_not_copied_or_changed() -> None:
    X, y = np.zeros((3, 2)), [0, 1, 0]
    assert read_rows(X, y) == (X, y)
    with pytest.raises(InputError, match="X is a list_iterator, which has no length"):
        Rows.read(iter([[0.0, 1.0]]), [0])


def test_dataset_of_images_and_ints() -> None:
    X, y = read_rows(Pairs(list(zip(GREY, [0, 1, 0, 1], strict=True))), None)
    assert y == [0, 1, 0, 1]
    assert all(a is b for a, b in zip(X, GREY, strict=True))
    assert find_modality(X) == ImageModality()


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
    assert find_modality(X) == Table()
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


@pytest.mark.parametrize("as_type", [str, Path])
def test_labels_of_a_folder_are_the_names_of_its_folders(tmp_path: Path, as_type: Any) -> None:
    X, y = read_rows(as_type(make_folder(tmp_path, {"cat": "L", "bee": "L"})), None)
    assert [(image.mode, image.size) for image in X] == [("L", (8, 9))] * 4
    assert y == ["bee", "bee", "cat", "cat"]
    assert [image.getpixel((0, 0)) for image in X] == [100, 101, 0, 1]
    with pytest.raises(InputError, match="folder of class folders, which brings its own labels"):
        read_rows(as_type(tmp_path), y)


def test_labels_of_an_image_folder_are_those_of_its_batches(tmp_path: Path) -> None:
    X, y = read_rows(ImageFolder(make_folder(tmp_path, {"cat": "L", "bee": "RGB"})), None)
    assert [(image.mode, image.size) for image in X] == [("RGB", (8, 9))] * 4
    assert y == [0, 0, 1, 1]


BAD: dict[str, tuple[Any, Any, str]] = {
    "no y": (np.zeros((3, 2)), None, "requires y"),
    "y twice": (
        TensorDataset(TENSORS, torch.arange(4)),
        [0, 1, 0, 1],
        "X is a Dataset, which brings its own labels",
    ),
    "DataLoader": (DataLoader(Pairs([(1, 2)])), None, r"give its \.dataset"),
    "stream": (Stream(), [0] * 3, "X is an iterable Dataset, which brings its own labels"),
    "no rows": (Pairs([]), None, "Pairs has no rows"),
    "no pairs": (TensorDataset(TENSORS), None, r"rows must be \(x, label\) pairs"),
    "a bad row": (Pairs([(TENSORS[0], 1), TENSORS[1]]), None, "row 1 of Pairs is a Tensor"),
    "dicts": (Pairs([{"x": 1}]), None, "row 0 of Pairs is a dict"),
    "one-hot": (TensorDataset(TENSORS, torch.eye(4)), None, r"label of row 0 has shape \(4,\)"),
}


@pytest.mark.parametrize("X, y, message", BAD.values(), ids=BAD)
def test_unreadable_data_is_named(X: Any, y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_rows(X, y)


def test_files_of_a_dataset_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, {"bee": "RGB", "cat": "RGB"})
    bad = [sorted((folder / name).iterdir())[0] for name in ("bee", "cat")]
    bad[0].write_bytes(b"")
    Image.new("RGB", (1, 300)).save(bad[1])
    data, sized = ImageFolder(folder), ImageModality(image_size=16)
    with pytest.raises(InputError, match="ImageFolder has 2 row") as caught:
        Rows.read(data, modality=sized)
    assert all(str(path) in str(caught.value) for path in bad)
    assert "1 x 300 px is too small" in str(caught.value)
    others = [i for i, (path, _) in enumerate(data.samples) if Path(path) not in bad]
    assert Rows.read(Subset(data, others), modality=sized).X[0].size == (16, 16)
    with pytest.raises(InputError, match=r"Subset has 1 row.*\n  row 1: cannot identify"):
        Rows.read(Subset(data, [others[0], data.imgs.index((str(bad[0]), 0))]), modality=sized)


def test_labels_that_are_one_string_and_sets_are_refused() -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"]})
    with pytest.raises(InputError, match=r"y='label' is one string.*X\['label'\]"):
        read_rows(frame, "label")
    with pytest.raises(InputError, match="X is a set"):
        read_rows({"a", "b"}, [0, 1])


def test_rows_of_several_shapes_stay_a_list_that_images_refuse() -> None:
    data = Pairs([(torch.zeros(3, 8, 8), 0), (torch.zeros(3, 9, 8), 1)])
    assert isinstance(read_rows(data, None)[0], list)
    with pytest.raises(InputError, match=r"\(3, 8, 8\), \(3, 9, 8\)"):
        Rows.read(data)


def test_a_file_is_read_with_the_column_of_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    ids = [f"CUST-{i:05d}" for i in range(40)]
    table = {"id": ids, "zip": ["0150", "9000"] * 20, "age": range(40), "churn": ["y", "n"] * 20}
    pd.DataFrame(table).to_csv(path, index=False)
    with pytest.warns(UserWarning, match=r"out: id \(modality=Table\({'id': 'category'}\) keeps"):
        rows = Rows.read(path, "churn")
    assert (
        "id" in Rows.read(path, "churn", modality=Table({"id": "category"})).X
    )  # as the warning says
    assert rows.y.tolist() == table["churn"]
    assert list(rows.X) == ["zip", "age"]
    assert rows.X["zip"].tolist() == table["zip"]
    with pytest.raises(InputError, match=r"is a file, .*give it as y, fit\('people.csv', \"COLUMN"):
        Rows.read(path)
    with pytest.raises(InputError, match="no column 'age2'"):
        Rows.read(path, "age2")
    with pytest.raises(InputError, match=r"is a folder.*'churn' names the column of a file"):
        Rows.read(tmp_path, "churn")
    with pytest.raises(InputError, match="does not exist"):
        Rows.read(str(tmp_path / "other.csv"), "churn")
    (tmp_path / "notes.xyz").write_text("a")
    with pytest.raises(InputError, match=r"notes.xyz: a table is a file of"):
        Rows.read(tmp_path / "notes.xyz", "churn")
