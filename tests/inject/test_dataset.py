"""`AugmentedDataset`: exact counts, rows by address, any number of workers."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader, Dataset, TensorDataset

from gen_augment import AugmentedDataset, ConditionalVAE, InputError, WorkerDeviceError
from gen_augment.counts import allocate
from tests.conftest import as_form, toy_images


class Pairs(Dataset[Any]):
    """A picklable list of pairs."""

    def __init__(self, X: Any, y: Any) -> None:
        self.X, self.y = X, y

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> Any:
        return self.X[index], self.y[index]


def collate(rows: list[Any]) -> list[Any]:
    return rows


def make(X: Any, y: Any) -> ConditionalVAE:
    return ConditionalVAE(max_steps=2, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu").fit(X, y)


@given(n=st.integers(0, 10_000), shares=st.lists(st.floats(0.001, 1), min_size=1, max_size=8))
def test_allocation_is_exact_and_within_one_row_of_its_share(n: int, shares: list[float]) -> None:
    weights = np.array(shares)
    counts = allocate(n, weights)
    assert counts.sum() == n
    assert np.all(np.abs(counts - n * weights / weights.sum()) < 1 + 1e-6)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ratio=st.floats(0, 3), materialize=st.booleans())
def test_real_rows_come_first_and_none_is_lost(image_sampler: ConditionalVAE, ratio: float, materialize: bool) -> None:
    X, y = toy_images()
    data = AugmentedDataset(Pairs(X, y), image_sampler, ratio=ratio, materialize=materialize)
    assert len(data) == 40 + round(40 * ratio)
    for i in range(40):
        np.testing.assert_array_equal(data[i][0], X[i])
        assert data[i][1] == y[i]
        assert not data.is_synthetic(i)
    labels = [data[i][1] for i in range(40, len(data))]
    assert abs(labels.count(0) - labels.count(1)) <= 1  # the prior is one half each
    assert all(data.is_synthetic(i) for i in range(40, len(data)))
    with pytest.raises(IndexError):
        data[len(data)]


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


def test_transform_is_applied_to_both_kinds(image_sampler: ConditionalVAE) -> None:
    X, y = toy_images()
    data = AugmentedDataset(Pairs(X, y), image_sampler, ratio=1.0, transform=lambda x: int(x.sum()))
    assert data[0][0] == X[0].sum()
    assert data[40][0] == image_sampler.generate([0], data.synthetic_labels[:1])[0].sum()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker")
@pytest.mark.parametrize("materialize", [True, False])
def test_row_i_is_the_same_for_any_workers(image_sampler: ConditionalVAE, materialize: bool) -> None:
    X, y = toy_images()
    data = AugmentedDataset(Pairs(X, y), image_sampler, ratio=0.5, seed=7, materialize=materialize)
    expected = image_sampler.generate(np.arange(20), data.synthetic_labels, seed=7)
    for workers, context in ((0, None), (1, "fork"), (3, "fork"), (3, "spawn")):
        loader = DataLoader(
            data, batch_size=7, num_workers=workers, multiprocessing_context=context, collate_fn=collate
        )
        rows = [row for batch in loader for row in batch]
        # Whole grey levels: a rounding difference of 1e-6 may fall on either side of a half.
        np.testing.assert_allclose(np.stack([x for x, _ in rows[40:]]).astype(float), expected, atol=1)
        assert [label for _, label in rows] == [*y.tolist(), *data.synthetic_labels.tolist()]


def test_what_cannot_be_injected_is_named(image_sampler: ConditionalVAE, table_sampler: ConditionalVAE) -> None:
    X, y = toy_images()
    real = Pairs(X, y)
    for kwargs, message in (
        ({}, "either ratio, counts or sampling_strategy"),
        ({"ratio": 1.0, "counts": {0: 1}}, "either ratio, counts or sampling_strategy"),
        ({"ratio": -0.5}, "ratio=-0.5"),
        ({"counts": {0: -1}}, "whole number"),
        ({"counts": {9: 1}}, r"\[9\], not seen in fit"),
    ):
        with pytest.raises(InputError, match=message):
            AugmentedDataset(real, image_sampler, **kwargs)
    with pytest.raises(
        InputError, match=r"real rows are Tensor \(1, 12, 12\).*synthetic ones ndarray \(12, 12, 1\) uint8"
    ):
        AugmentedDataset(TensorDataset(torch.zeros(4, 1, 12, 12), torch.arange(4) % 2), image_sampler, ratio=1)
    with pytest.raises(InputError, match=r"synthetic ones ndarray \(3,\) float64"):
        AugmentedDataset(real, table_sampler, ratio=1)
    with pytest.raises(InputError, match="without rows"):
        AugmentedDataset(Pairs(X[:0], y[:0]), image_sampler, ratio=1)
    frame, labels = as_form("table-frame")
    with pytest.raises(InputError, match="DataFrame"):
        AugmentedDataset(Pairs(frame.to_numpy(), labels), make(frame, labels), ratio=1)


def test_an_accelerator_in_a_worker_is_refused_with_the_ways_out(
    image_sampler: ConditionalVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gen_augment.samplers.base as base

    sampler = ConditionalVAE.__new__(ConditionalVAE)
    sampler.__dict__.update(image_sampler.__dict__)
    sampler.network_ = torch.nn.Linear(1, 1, device="meta")  # any device that is not the CPU
    monkeypatch.setattr(base, "get_worker_info", lambda: object())
    with pytest.raises(WorkerDeviceError, match=r"SampleBank.*augment_loader"):
        sampler.generate([0], [0])
