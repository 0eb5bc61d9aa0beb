"""`AugmentedDataset`: exact counts, rows by address, any number of workers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset

from gen_augment import (
    AugmentedDataset,
    BootstrapSampler,
    ConditionalVAE,
    InputError,
    NotFittedError,
    SampleBank,
    WorkerDeviceError,
)
from gen_augment.data.counts import allocate
from gen_augment.inject import Provenance
from tests.conftest import as_form, toy_images
from tests.inject.toys import Numbered, Pairs, names, real_data, real_rows


def make(X: Any, y: Any) -> ConditionalVAE:
    return ConditionalVAE(
        max_steps=2, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu"
    ).fit(X, y)


@given(n=st.integers(0, 10_000), shares=st.lists(st.floats(0.001, 1), min_size=1, max_size=8))
def test_allocation_is_exact_and_within_one_row_of_its_share(n: int, shares: list[float]) -> None:
    weights = np.array(shares)
    counts = allocate(n, weights)
    assert counts.sum() == n
    assert np.all(np.abs(counts - n * weights / weights.sum()) < 1 + 1e-6)


@pytest.mark.parametrize("form_", ["uint8-nhwc", "normalised-tensor", "pil-colour", "uint8-tensor"])
def test_synthetic_rows_look_like_real_ones_and_collate_with_them(form_: str) -> None:
    X, y = as_form(form_)
    data = AugmentedDataset(Pairs(X, y), make(X, y), counts={0: 3, 1: 1})
    x, label = data[41]
    assert type(x) is type(X[0])
    assert type(label) is type(y[0])
    if not isinstance(x, Image.Image):
        batch_x, batch_y = next(iter(DataLoader(data, batch_size=44)))
        assert batch_x.shape == (44, *X[0].shape)
        assert batch_y[-4:].tolist() == [0, 0, 0, 1]


def test_rows_of_a_fitted_sampler_are_those_of_their_address(image_sampler: ConditionalVAE) -> None:
    X, y = toy_images()
    for materialize in (True, False):
        data = AugmentedDataset(
            Pairs(X, y),
            image_sampler,
            ratio=0.5,
            seed=7,
            materialize=materialize,
            return_provenance=True,
        )
        x, labels, origin = zip(*[data[i] for i in range(40, 60)], strict=True)
        expected = image_sampler.generate(np.arange(20), data.synthetic_labels, seed=7)
        # Grey levels are whole: a difference of 1e-6 may change the rounding.
        np.testing.assert_allclose(np.stack(x).astype(float), expected, atol=1)
        assert labels == tuple(data.synthetic_labels.tolist())
        assert origin == tuple(
            Provenance(True, image_sampler.fingerprint(), 7, i) for i in range(20)
        )


def test_transform_is_applied_to_both_kinds(image_sampler: ConditionalVAE) -> None:
    X, y = toy_images()
    data = AugmentedDataset(Pairs(X, y), image_sampler, ratio=1.0, transform=lambda x: int(x.sum()))
    assert data[0][0] == X[0].sum()
    assert data[40][0] == image_sampler.generate([0], data.synthetic_labels[:1])[0].sum()


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({}, "either ratio, counts or sampling_strategy"),
        ({"ratio": 1.0, "counts": {0: 1}}, "either ratio, counts or sampling_strategy"),
        ({"ratio": 1.0, "sampling_strategy": "auto"}, "either ratio, counts or sampling_strategy"),
        ({"ratio": -0.5}, "ratio=-0.5"),
        ({"ratio": "half"}, "ratio='half'"),
        ({"ratio": float("nan")}, "ratio=nan"),
        ({"ratio": float("inf")}, "ratio=inf"),
        ({"ratio": 1.1, "mode": "replace"}, r"ratio=1.1 is not a number in \[0, 1\]"),
        ({"ratio": 0.5, "mode": "mix"}, "mode='mix' is not one of 'append', 'replace'"),
        ({"counts": {0: -1}}, "whole number"),
        ({"counts": {0: 1.5}}, "whole number"),
        ({"counts": {9: 1}}, r"\[9\], not seen in fit"),
        (
            {"counts": {1: 21}, "mode": "replace"},
            "21 rows of 1 are to be replaced, and there are 20",
        ),
        (
            {"sampling_strategy": "auto", "mode": "replace"},
            "sampling_strategy adds rows, so it needs mode='append'",
        ),
        ({"sampling_strategy": "most"}, "sampling_strategy='most'"),
        ({"sampling_strategy": {0: 3}}, "there are 20 real rows of it already"),
        ({"sampling_strategy": "auto", "real_labels": [0, 1]}, "40 rows and y has 2 labels"),
        ({"sampling_strategy": "auto", "real_labels": [0] * 40}, r"all real rows are \[0\]"),
        ({"sampling_strategy": "auto", "real_labels": [0] * 39 + [7]}, r"\[7\], not seen in fit"),
        ({"ratio": 0.5, "mode": "replace", "real_labels": [7] * 40}, r"\[7\], not seen in fit"),
        ({"ratio": 0.5, "fresh": True, "materialize": True}, "materialize=True"),
        ({"ratio": 0.5, "seed": "seed"}, "'seed' is not an int"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_named(
    image_sampler: ConditionalVAE, kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        AugmentedDataset(Pairs(*toy_images()), image_sampler, **kwargs)


def test_more_rows_than_a_bank_has_are_refused(numbered_bank: SampleBank) -> None:
    real = real_data([0, 1, 2] * 10)
    for kwargs, message in (
        ({"ratio": 71 / 30}, "asks for 71 rows, and the bank holds"),
        ({"counts": {1: 8}}, r"\{1: 8\} rows are asked for, and the bank holds"),
        ({"sampling_strategy": {1: 18}}, r"\{1: 8\} rows are asked for"),
        ({"ratio": 0.9, "mode": "replace"}, r"\{1: 9\} rows are asked for"),
        ({"ratio": 0.5, "materialize": True}, "materialize=True"),
    ):
        with pytest.raises(InputError, match=message):
            AugmentedDataset(real, numbered_bank, **kwargs)  # type: ignore[arg-type]
    assert len(AugmentedDataset(real, numbered_bank, ratio=70 / 30)) == 100
    assert len(AugmentedDataset(real, numbered_bank)) == 100


class Endless(IterableDataset[Any]):
    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[Any]:
        yield torch.zeros(3, dtype=torch.float64), 0


@pytest.mark.parametrize(
    "real, message",
    [
        ([], "without rows"),
        (iter([(1, 2)]), "without rows or length"),
        (Endless(), "give a map-style Dataset"),
        (TensorDataset(torch.zeros(4, 3)), r"a tuple of 1 entries, and must be \(x, label\)"),
        (
            TensorDataset(torch.zeros(4, 3), torch.arange(4), torch.arange(4)),
            "a tuple of 3 entries",
        ),
        ([{"x": torch.zeros(3), "y": 1}], "a dict of 2 entries"),
        (torch.zeros(4, 3), "a Tensor of 3 entries"),
        (TensorDataset(torch.zeros(4, 3), torch.zeros(4, 2)), r"label of shape \(2,\)"),
        ([(torch.zeros(3), "cat")], r"label 'cat', and those of the source are \[0, 1, 2\]"),
        ([(torch.zeros(3), None)], "label None"),
        ([(torch.zeros(3), {"boxes": 1})], "label {'boxes': 1}"),
        (
            TensorDataset(torch.zeros(4, 3), torch.arange(4)),
            r"Tensor \(3,\) torch.float32 and .*\(3,\) torch.float64",
        ),
        (
            TensorDataset(torch.zeros(4, 2).double(), torch.arange(4)),
            r"Tensor \(2,\) torch.float64 and .*\(3,\)",
        ),
        (
            Pairs(np.zeros((4, 3)), [0, 1, 2, 0]),
            r"ndarray \(3,\) float64 and synthetic ones Tensor \(3,\)",
        ),
        ([(Image.new("L", (4, 4)), 1)], r"PIL image \(4, 4\) L and synthetic ones Tensor"),
    ],
)
def test_unusable_real_rows_are_named(numbered: Numbered, real: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        AugmentedDataset(real, numbered, ratio=1)


def test_objects_that_are_not_sources_are_named(numbered: Numbered) -> None:
    real = real_data([0, 1])
    with pytest.raises(NotFittedError, match="not fitted"):
        AugmentedDataset(real, ConditionalVAE(), ratio=1)
    for source in (ConditionalVAE, object(), "bank.path", None, numbered.generate):
        with pytest.raises(InputError, match="fitted sampler or a SampleBank"):
            AugmentedDataset(real, source, ratio=1)  # type: ignore[arg-type]
    frame, labels = as_form("table-frame")
    with pytest.raises(InputError, match="synthetic ones Series"):
        AugmentedDataset(Pairs(frame.to_numpy(), labels), make(frame, labels), ratio=1)
    with pytest.raises(InputError, match="those of the source are"):
        AugmentedDataset(real, Numbered(["a", "b"]), ratio=1)


@pytest.mark.parametrize(
    "y",
    [
        [0, 1, 2, 0],
        [0.0, 1.0, 2.0, 0.0],
        np.array([0, 1, 2, 0], np.uint8),
        np.array([0, 1, 2, 0], np.float32),
        torch.tensor([0, 1, 2, 0], dtype=torch.int32),
        torch.tensor([[0.0], [1.0], [2.0], [0.0]]),
        np.array([[0], [1], [2], [0]]),
    ],
    ids=["int", "float", "uint8", "float32", "int32-tensor", "column-tensor", "column-array"],
)
@pytest.mark.parametrize(
    "classes", [np.array([0, 1, 2]), np.array([0.0, 1.0, 2.0])], ids=["of-ints", "of-floats"]
)
def test_labels_collate_whatever_the_source_calls_them(y: Any, classes: np.ndarray) -> None:
    real = Pairs(real_rows([0, 1, 2, 0]), y)
    alone = next(iter(DataLoader(real, batch_size=4)))[1]
    data = AugmentedDataset(real, Numbered(classes), counts={1: 2, 2: 1})
    for order in (range(7), range(6, -1, -1), [4, 5, 6]):
        labels = next(iter(DataLoader(Subset(data, list(order)), batch_size=7)))[1]
        assert labels.dtype == alone.dtype
        assert labels.shape[1:] == alone.shape[1:]
        assert labels.flatten().tolist() == [[0, 1, 2, 0, 1, 1, 2][i] for i in order]


def test_a_transform_may_write_to_a_synthetic_image() -> None:
    X, y = as_form("pil-grey")
    before = AugmentedDataset(
        Pairs(X, y), BootstrapSampler(random_state=0).fit(X, y), counts={1: 3}
    )

    def write(image: Image.Image) -> Image.Image:
        image.putpixel((0, 0), 255 - image.getpixel((0, 0)))
        return image

    data = AugmentedDataset(Pairs(X, y), before.source, counts={1: 3}, transform=write)
    first, again = data[len(X)][0], data[len(X)][0]
    assert first == again != before[len(X)][0]


def test_real_rows_without_getitems_are_read_one_by_one() -> None:
    class Real(Pairs):
        __getitems__ = None

    X, y = toy_images(20)
    data = AugmentedDataset(
        Real(X, y.tolist()), BootstrapSampler(random_state=0).fit(X, y), ratio=0.5
    )
    np.testing.assert_array_equal(data[2][0], X[2])
    with pytest.raises(TypeError, match="float"):
        data[0.7]  # type: ignore[index]


def test_labels_that_are_words_go_with_real_words() -> None:
    real = Pairs(real_rows([0, 0]), ["cat", "cat"])
    data = AugmentedDataset(
        real, Numbered(["cat", "elephant"]), sampling_strategy=None, counts={"elephant": 2}
    )
    assert [data[i][1] for i in range(4)] == ["cat", "cat", "elephant", "elephant"]


def test_the_epoch_goes_to_real_rows_that_have_one() -> None:
    inner = AugmentedDataset(real_data([0, 1, 2]), Numbered(seed=1), ratio=1, fresh=True)
    outer = AugmentedDataset(inner, Numbered(seed=2), ratio=1, fresh=True)
    rows = [names(outer[i][0])[0] for i in range(12)]
    outer.set_epoch(4)
    assert inner.epoch == outer.epoch == 4
    changed = [
        a != b for a, b in zip(rows, [names(outer[i][0])[0] for i in range(12)], strict=True)
    ]
    assert changed == [False] * 3 + [True] * 9


def test_an_accelerator_in_a_worker_is_refused_with_the_ways_out(
    image_sampler: ConditionalVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gen_augment.samplers.generation as base

    sampler = ConditionalVAE.__new__(ConditionalVAE)
    sampler.__dict__.update(image_sampler.__dict__)
    sampler.network_ = torch.nn.Linear(1, 1, device="meta")  # any device that is not the CPU
    monkeypatch.setattr(base, "get_worker_info", lambda: object())
    with pytest.raises(WorkerDeviceError, match=r"SampleBank.*augment_loader"):
        sampler.generate([0], [0])


@pytest.mark.parametrize("given_too", [True, False])
@pytest.mark.parametrize("mode", ["append", "replace"])
def test_labels_are_those_of_the_rows_in_order(
    mode: Any, given_too: bool, numbered: Numbered
) -> None:
    real = np.array([0, 1, 2, 1, 0, 0, 2, 1])
    data = AugmentedDataset(
        Pairs(real_rows(real), torch.from_numpy(real)), numbered, counts={1: 2, 2: 1}, mode=mode,
        real_labels=real if given_too else None,
    )  # fmt: skip
    assert data.labels.tolist() == [int(data[i][1]) for i in range(len(data))]
    assert len(data) == (8 if mode == "replace" else 11)


def test_labels_given_of_another_number_are_named(numbered: Numbered) -> None:
    with pytest.raises(InputError, match="8 rows and y has 3 labels"):
        AugmentedDataset(real_data([0] * 8), numbered, counts={1: 2}, real_labels=[0, 0, 0])
