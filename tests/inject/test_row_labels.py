"""Labels of rows: read from any dataset, and written in the type of another label."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

from gen_augment import InputError, SampleBank
from gen_augment.inject.row_labels import label_like, read_labels, write_labels
from tests.inject.toys import Numbered, Pairs


class WithTargets(Dataset[Any]):
    """Like torchvision's datasets, with `targets` and a transform of them."""

    def __init__(self, targets: Any, labels: Any, target_transform: Any = None) -> None:
        self.targets, self.labels, self.target_transform = targets, labels, target_transform
        self.reads = 0

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Any:
        self.reads += 1
        label = self.labels[index]
        return 0.0, label if self.target_transform is None else self.target_transform(label)


LABELS = [3, 1, 1, 3, 2, 1, 3, 3, 2, 1] * 5


@pytest.mark.parametrize(
    "targets",
    [LABELS, np.array(LABELS), torch.tensor(LABELS), tuple(LABELS), np.array(LABELS, np.uint8)],
    ids=["list", "array", "tensor", "tuple", "bytes"],
)
def test_labels_come_from_an_attribute_that_agrees_with_the_rows(targets: Any) -> None:
    data = WithTargets(targets, LABELS)
    assert read_labels(data).tolist() == LABELS
    assert data.reads < 10
    where = list(range(0, 50, 3))
    nested = Subset(Subset(data, where), [5, 2, 8])
    assert read_labels(nested).tolist() == [LABELS[where[i]] for i in (5, 2, 8)]


@pytest.mark.parametrize(
    "targets",
    [
        LABELS[::-1],
        LABELS[:-1],
        [0] * 50,
        [[1], [2, 3]] * 25,
        [{"boxes": 1}] * 50,
        np.zeros((50, 2)),
        torch.zeros(50, 3),
        "a word",
        None,
        len,
        list("abcde") * 10,
    ],
    ids=[
        "reversed",
        "short",
        "constant",
        "ragged",
        "dicts",
        "two-columns",
        "shares",
        "word",
        "none",
        "method",
        "text",
    ],
)
def test_an_attribute_that_disagrees_with_the_rows_is_ignored(targets: Any) -> None:
    data = WithTargets(targets, LABELS)
    assert read_labels(data).tolist() == LABELS
    assert read_labels(Subset(data, [4, 0])).tolist() == [2, 3]


def test_a_target_transform_is_applied_to_the_labels() -> None:
    data = WithTargets(LABELS, LABELS, target_transform=lambda label: label % 2)
    expected = [label % 2 for label in LABELS]
    assert read_labels(data).tolist() == expected
    assert read_labels(Subset(data, range(10))).tolist() == expected[:10]
    data = WithTargets(LABELS, LABELS, target_transform=lambda label: label)
    assert read_labels(data).tolist() == LABELS
    assert data.reads == len(LABELS)  # a transform may treat any row differently


class Remapped(WithTargets):
    """A dataset that merges two classes in `__getitem__` alone."""

    def __getitem__(self, index: int) -> Any:
        return 0.0, {1: 1, 2: 1, 3: 3}[self.labels[index]]


def test_classes_that_getitem_merges_are_found() -> None:
    # The first, middle and last row are of classes that are not merged.
    labels = [3, 1, 2, 2, 1, 3, 1, 2, 2, 3]
    assert read_labels(Remapped(labels, labels)).tolist() == [3, 1, 1, 1, 1, 3, 1, 1, 1, 3]


def test_labels_are_read_row_by_row_without_an_attribute(
    numbered: Numbered, numbered_bank: SampleBank
) -> None:
    x = torch.zeros(50, 2)
    assert read_labels(TensorDataset(x, torch.tensor(LABELS))).tolist() == LABELS
    assert read_labels(TensorDataset(x, torch.tensor(LABELS).view(-1, 1))).tolist() == LABELS
    assert read_labels(TensorDataset(x, torch.tensor(LABELS).bfloat16())).tolist() == LABELS
    assert read_labels(
        Subset(TensorDataset(x, torch.tensor(LABELS)), torch.tensor([4, 0]).tolist())
    ).tolist() == [2, 3]
    assert read_labels([(0, label) for label in LABELS]).tolist() == LABELS  # type: ignore[arg-type]
    assert read_labels(Pairs(x, [torch.tensor(label) for label in LABELS])).tolist() == LABELS
    assert read_labels(Pairs(x, np.array(LABELS)[:, None])).tolist() == LABELS
    assert read_labels(Pairs(x, ["b", "a"] * 25)).tolist() == ["b", "a"] * 25
    assert read_labels(numbered_bank).tolist() == [0] * 40 + [1] * 7 + [2] * 23
    with pytest.raises(InputError, match=r"label of shape \(3,\)"):
        read_labels(TensorDataset(x, torch.zeros(50, 3)))


@pytest.mark.parametrize(
    "like",
    [1, True, 1.0, np.int32(1), np.float32(1), np.bool_(1), torch.tensor(1), torch.tensor([1.0])],
)
def test_labels_are_written_in_the_type_of_the_real_one(like: Any) -> None:
    for classes in (
        np.array([0, 1, 1]),
        np.array([0.0, 1.0, 1.0]),
        np.array([False, True, True]),
        np.array([0, 1, 1], ">i2"),
    ):
        written = write_labels(classes, like)
        assert [type(label) for label in written] == [type(like)] * 3
        assert [getattr(label, "dtype", None) for label in written] == [
            getattr(like, "dtype", None)
        ] * 3
        assert [getattr(label, "shape", None) for label in written] == [
            getattr(like, "shape", None)
        ] * 3
        assert [float(label) for label in written] == [0, 1, 1]


def test_strings_are_not_truncated() -> None:
    for like in ("a", np.str_("a")):
        written = write_labels(np.array(["a", "longer"]), like)
        assert written == ["a", "longer"]
        assert {type(label) for label in written} == {type(like)}


@pytest.mark.parametrize(
    ("value", "like"),
    [(3, True), (2, np.bool_(0)), (300, np.uint8(1)), (-1, torch.tensor(1, dtype=torch.uint8)),
     (2049, np.float16(1)), (1.5, 1)],
)  # fmt: skip
def test_a_label_that_the_type_cannot_hold_is_refused(value: Any, like: Any) -> None:
    with pytest.raises(InputError, match=f"cannot hold the bank's label {value!r}"):
        label_like(value, like)


@pytest.mark.parametrize(
    ("value", "like"), [(1, False), (True, 0), (0.1, np.float32(0)), (0.1, torch.tensor(0.0))]
)
def test_a_label_takes_the_type_of_another(value: Any, like: Any) -> None:
    written = label_like(value, like)
    assert type(written) is type(like)
    assert float(written) == pytest.approx(float(value))
