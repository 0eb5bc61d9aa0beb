"""`augment_loader`: exact totals, the loader left as it is, the same rows from the same seed."""

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import ConditionalVAE, InputError, augment_loader
from tests.conftest import toy_images

X, y = toy_images(40)
IMAGES = torch.from_numpy(X).permute(0, 3, 1, 2).float() / 255
DATA = TensorDataset(IMAGES, torch.from_numpy(y))


@pytest.fixture(scope="module")
def sampler() -> ConditionalVAE:
    return ConditionalVAE(max_steps=2, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu").fit(DATA)


def n_synthetic(batch: Any) -> int:
    """Rows that are none of the real ones."""
    real = {row.numpy().tobytes() for row in IMAGES}
    return sum(row.numpy().tobytes() not in real for row in batch[0])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    ratio=st.floats(0, 1),
    batch_size=st.integers(1, 40),
    mode=st.sampled_from(["replace", "append"]),
    labels=st.sampled_from(["prior", "balanced", "batch"]),
    drop_last=st.booleans(),
)
def test_totals_are_exact(
    sampler: ConditionalVAE, ratio: float, batch_size: int, mode: Any, labels: Any, drop_last: bool
) -> None:
    loader = DataLoader(DATA, batch_size=batch_size, drop_last=drop_last)
    batches = list(augment_loader(loader, sampler, ratio=ratio, mode=mode, labels=labels))
    plain = list(loader)
    n_rows = sum(len(y) for _, y in plain)
    assert sum(n_synthetic(batch) for batch in batches) == round(ratio * n_rows)
    added = round(ratio * n_rows) if mode == "append" else 0
    assert sum(len(y) for _, y in batches) == n_rows + added
    assert len(batches) == len(plain)
    for (x, labels_), (plain_x, plain_y) in zip(batches, plain, strict=True):
        assert x.dtype == plain_x.dtype
        assert labels_.dtype == plain_y.dtype
        assert len(x) == len(labels_)
        if mode == "append":  # real rows stay where they were
            assert torch.equal(x[: len(plain_x)], plain_x)


def test_labels_follow_the_mix_that_is_asked_for(sampler: ConditionalVAE) -> None:
    zeros = TensorDataset(IMAGES, torch.zeros(40, dtype=torch.int64))
    loader = DataLoader(zeros, batch_size=40)
    assert next(iter(augment_loader(loader, sampler, ratio=1.0, labels="batch")))[1].sum() == 0
    balanced = torch.cat(
        [b[1] for _ in range(5) for b in augment_loader(loader, sampler, ratio=1.0, labels="balanced")]
    )
    assert 0.2 < balanced.float().mean() < 0.8


def test_rows_are_those_of_their_address(sampler: ConditionalVAE) -> None:
    from gen_augment.rng import derive_seed

    batches = list(augment_loader(DataLoader(DATA, batch_size=10), sampler, ratio=0.5, mode="append", seed=3))
    rows = torch.cat([x[10:] for x, _ in batches])
    labels = torch.cat([y[10:] for _, y in batches])
    expected = sampler.generate(np.arange(20), labels.numpy(), seed=derive_seed(3, "epoch", 0))
    torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-5)


def test_epochs_differ_and_repeat_from_the_seed(sampler: ConditionalVAE) -> None:
    def epochs(n: int, **kwargs: Any) -> list[torch.Tensor]:
        loader = augment_loader(DataLoader(DATA, batch_size=10), sampler, ratio=0.5, **kwargs)
        return [torch.cat([x for x, _ in loader]) for _ in range(n)]

    first, second = epochs(2, seed=1)
    assert not torch.equal(first, second)
    again = epochs(2, seed=1)
    assert torch.equal(first, again[0])
    assert torch.equal(second, again[1])
    assert not torch.equal(first, epochs(1, seed=2)[0])
    late = augment_loader(DataLoader(DATA, batch_size=10), sampler, ratio=0.5, seed=1)
    late.set_epoch(1)
    assert torch.equal(torch.cat([x for x, _ in late]), second)


def test_the_loader_is_left_as_it_is(sampler: ConditionalVAE) -> None:
    state = torch.get_rng_state()
    loader = DataLoader(DATA, batch_size=8, num_workers=2, multiprocessing_context="fork", persistent_workers=True)
    augmented = augment_loader(loader, sampler, ratio=0.25)
    assert len(augmented) == len(loader) == 5
    assert augmented.batch_size == 8
    assert augmented.dataset is DATA
    assert augmented.num_workers == 2
    for _ in range(3):
        assert sum(len(y) for _, y in augmented) == 40
    untouched = torch.cat([x for x, _ in loader])
    assert torch.equal(untouched, IMAGES)
    with pytest.raises(AttributeError):
        augmented.nonsense  # noqa: B018
    del loader, augmented
    torch.set_rng_state(state)


def test_batches_keep_their_structure(sampler: ConditionalVAE) -> None:
    Pair = namedtuple("Pair", ["image", "label"])
    batch = Pair(IMAGES[:4], torch.from_numpy(y[:4]))
    out = next(iter(augment_loader([batch], sampler, ratio=0.5)))
    assert isinstance(out, Pair)
    assert isinstance(next(iter(augment_loader([list(batch)], sampler, ratio=0.5))), list)
    assert torch.equal(batch.image, IMAGES[:4])  # the batch that came is not written to


def test_transform_brings_raw_rows_to_the_form_of_the_batch(image_sampler: ConditionalVAE) -> None:
    loader = DataLoader(DATA, batch_size=10)
    with pytest.raises(InputError, match=r"real rows are Tensor \(1, 12, 12\) torch.float32 and synthetic ones"):
        next(iter(augment_loader(loader, image_sampler, ratio=0.5)))
    to_tensor = lambda row: torch.from_numpy(row).permute(2, 0, 1).float() / 255  # noqa: E731
    x, _ = next(iter(augment_loader(loader, image_sampler, ratio=0.5, transform=to_tensor)))
    assert x.shape == (10, 1, 12, 12)
    assert x.max() <= 1


def test_what_cannot_be_injected_is_named(sampler: ConditionalVAE) -> None:
    loader = DataLoader(DATA, batch_size=10)
    for kwargs, message in (
        ({"ratio": 1.5}, r"ratio=1.5 is not a number in \[0, 1\]"),
        ({"ratio": -1, "mode": "append"}, "ratio=-1"),
        ({"ratio": 0.5, "mode": "mix"}, "mode='mix'"),
        ({"ratio": 0.5, "labels": "mine"}, "labels='mine'"),
    ):
        with pytest.raises(InputError, match=message):
            augment_loader(loader, sampler, **kwargs)
    for batch in ({"x": IMAGES}, (IMAGES,), (IMAGES, y), (IMAGES, torch.zeros(40, 2).long()), (IMAGES[:3], torch.zeros(40))):
        with pytest.raises(InputError):
            next(iter(augment_loader([batch], sampler, ratio=0.5)))
    names = ConditionalVAE(max_steps=1, device="cpu").fit(IMAGES, np.array(["a", "b"])[y])
    with pytest.raises(InputError, match="labels are <U1"):
        augment_loader(loader, names, ratio=0.5)
