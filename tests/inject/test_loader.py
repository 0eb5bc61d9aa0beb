"""`augment_loader`: exact totals, an unchanged loader, and rows that repeat from the seed."""

from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms.v2.functional import pil_to_tensor

from gen_augment import (
    ConditionalVAE,
    InputError,
    NotFittedError,
    SampleBank,
    SyntheticMix,
    augment_loader,
)
from tests.conftest import as_form, toy_images, toy_table
from tests.inject.toys import Numbered, real_rows

X, y = toy_images(40)
IMAGES = torch.from_numpy(X).permute(0, 3, 1, 2).float() / 255
DATA = TensorDataset(IMAGES, torch.from_numpy(y))


@pytest.fixture(scope="module")
def sampler() -> ConditionalVAE:
    return ConditionalVAE(
        max_steps=2, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu"
    ).fit(DATA)


def test_labels_follow_the_mix_that_is_asked_for(sampler: ConditionalVAE) -> None:
    zeros = TensorDataset(IMAGES, torch.zeros(40, dtype=torch.int64))
    loader = DataLoader(zeros, batch_size=40)
    assert next(iter(augment_loader(loader, sampler, ratio=1.0, labels="same")))[1].sum() == 0
    balanced = torch.cat(
        [
            b[1]
            for _ in range(5)
            for b in augment_loader(loader, sampler, ratio=1.0, labels="balanced")
        ]
    )
    assert 0.2 < balanced.float().mean() < 0.8


@pytest.mark.parametrize("from_bank", [True, False])
@pytest.mark.parametrize("labels, shares", [({1: 1}, [0, 1, 0]), ({1: 1, 2: 3}, [0, 0.25, 0.75])])
def test_labels_may_be_these_alone_in_their_shares(
    labels: dict[int, float],
    shares: list[float],
    from_bank: bool,
    numbered: Numbered,
    numbered_bank: SampleBank,
) -> None:
    source = numbered_bank if from_bank else numbered
    data = TensorDataset(real_rows([0] * 4000), torch.zeros(4000, dtype=torch.int64))
    loader = augment_loader(
        DataLoader(data, batch_size=100), source, ratio=0.5, labels=labels, return_mask=True
    )
    y, made, x = (
        torch.cat(parts) for parts in zip(*((y, mask, x) for x, y, mask in loader), strict=True)
    )
    assert made.sum() == 2000
    np.testing.assert_allclose(np.bincount(y[made].numpy(), minlength=3) / 2000, shares, atol=0.04)
    assert torch.equal(x[made][:, 2], y[made].double())  # rows have the class in their values
    mixed = SyntheticMix(source, ratio=1.0, labels=labels)(*data.tensors)[1]
    np.testing.assert_allclose(np.bincount(mixed.numpy(), minlength=3) / 4000, shares, atol=0.04)


def test_rows_are_those_of_their_address(sampler: ConditionalVAE) -> None:
    from gen_augment.rng import derive_seed

    batches = list(
        augment_loader(DataLoader(DATA, batch_size=10), sampler, ratio=0.5, mode="append", seed=3)
    )
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
    loader = DataLoader(
        DATA, batch_size=8, num_workers=2, multiprocessing_context="fork", persistent_workers=True
    )
    augmented = augment_loader(loader, sampler, ratio=0.25)
    assert len(augmented) == len(loader) == 5
    assert augmented.batch_size == 8
    assert augmented.dataset.dataset is DATA
    assert augmented.dataset.tensors is DATA.tensors
    assert len(augmented.dataset) == 40
    assert augmented.num_workers == 2
    for _ in range(3):
        assert sum(len(y) for _, y in augmented) == 40
    untouched = torch.cat([x for x, _ in loader])
    assert torch.equal(untouched, IMAGES)
    with pytest.raises(AttributeError):
        augmented.nonsense  # noqa: B018
    del loader, augmented
    torch.set_rng_state(state)


def test_input_batches_are_not_written_to(sampler: ConditionalVAE) -> None:
    Pair = namedtuple("Pair", ["image", "label"])
    batch = Pair(IMAGES[:4], torch.from_numpy(y[:4]))
    out = next(iter(augment_loader([batch], sampler, ratio=0.5)))
    assert isinstance(out, Pair)
    assert isinstance(next(iter(augment_loader([list(batch)], sampler, ratio=0.5))), list)
    assert torch.equal(batch.image, IMAGES[:4])  # the input batch is not written to


def test_transform_brings_raw_rows_to_the_form_of_the_batch(image_sampler: ConditionalVAE) -> None:
    loader = DataLoader(DATA, batch_size=10)
    with pytest.raises(
        InputError, match=r"real rows are Tensor \(1, 12, 12\) torch.float32 and synthetic ones"
    ):
        next(iter(augment_loader(loader, image_sampler, ratio=0.5)))
    to_tensor = lambda row: torch.from_numpy(row).permute(2, 0, 1).float() / 255  # noqa: E731
    x, _ = next(iter(augment_loader(loader, image_sampler, ratio=0.5, transform=to_tensor)))
    assert x.shape == (10, 1, 12, 12)
    assert x.max() <= 1


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"ratio": 1.5}, r"ratio=1.5 is not a number in \[0, 1\]"),
        ({"ratio": "half"}, "ratio='half'"),
        ({"ratio": True}, "ratio=True"),
        ({"ratio": float("nan")}, "ratio=nan"),
        ({"ratio": -1, "mode": "append"}, "ratio=-1"),
        ({"ratio": float("inf"), "mode": "append"}, "ratio=inf"),
        ({"ratio": 0.5, "mode": "mix"}, "mode='mix'"),
        ({"ratio": 0.5, "labels": "mine"}, "labels='mine'"),
        (
            {"ratio": 0.5, "labels": {1: 0.5, 7: 0.5}},
            r"the source has no rows of 7; it has \[0, 1, 2\]",
        ),
        ({"ratio": 0.5, "labels": {1: 0, 2: 0}}, "give at least one label a share above 0"),
        ({"ratio": 0.5, "labels": {}}, "give at least one label a share above 0"),
        ({"ratio": 0.5, "labels": {1: -1}}, r"labels\[1\]=-1"),
        ({"ratio": 0.5, "keys": ["x", "y"]}, r"keys=\['x', 'y'\]: give \(inputs, labels\)"),
        ({"ratio": 0.5, "keys": ("x",)}, "keys="),
        ({"ratio": 0.5, "prefetch": -1}, "prefetch=-1 is not a whole number"),
        ({"ratio": 0.5, "prefetch": 1.5}, "prefetch=1.5 is not a whole number"),
        ({"ratio": 0.5, "prefetch": float("inf")}, "prefetch=inf"),
        ({"ratio": 0.5, "prefetch": True}, "prefetch=True"),
        ({"ratio": 0.5, "prefetch": None}, "prefetch=None"),
        ({"ratio": 0.5, "sample_weight": -0.1}, "sample_weight=-0.1"),
        ({"ratio": 0.5, "sample_weight": "1"}, "sample_weight='1'"),
        ({"ratio": 0.5, "seed": 1.5}, "1.5 is not an int"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    numbered: Numbered, kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        augment_loader([], numbered, **kwargs)


def test_objects_that_are_not_sources_are_named(sampler: ConditionalVAE) -> None:
    with pytest.raises(NotFittedError, match="not fitted"):
        augment_loader([], ConditionalVAE(), ratio=0.5)
    for source in (ConditionalVAE, object(), "bank.path", None, sampler.generate):
        with pytest.raises(InputError, match="fitted sampler or a SampleBank"):
            augment_loader([], source, ratio=0.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="labels are <U1 and a batch holds numbers"):
        augment_loader([], Numbered(["a", "b"]), ratio=0.5)


ROWS, LABELS = real_rows([0, 1, 2, 0]), torch.tensor([0, 1, 2, 0])


@pytest.mark.parametrize(
    "batch, kwargs, message",
    [
        ({"x": ROWS}, {}, r"which of \['x'\] are inputs and labels\? Say so with keys="),
        ({"x": ROWS, "image": ROWS, "y": LABELS}, {}, r"which of \['x', 'image', 'y'\]"),
        (
            {"x": ROWS, "y": LABELS},
            {"keys": ("x", "z")},
            r"\('x', 'z'\) are not in a batch that is a dict with \['x', 'y'\]",
        ),
        ({"x": ROWS, "y": LABELS}, {"keys": (["x"], "y")}, "are not in a batch that is a dict"),
        ((ROWS, LABELS), {"keys": (0, 2)}, r"\(0, 2\) are not in a batch that is a tuple"),
        ((ROWS, LABELS), {"keys": (0, -3)}, r"\(0, -3\) are not in a batch"),
        ([ROWS, LABELS], {"keys": ("x", "y")}, r"\('x', 'y'\) are not in a batch that is a list"),
        ((ROWS,), {}, "got a tuple"),
        (ROWS, {}, "got a Tensor"),
        ((ROWS, LABELS.numpy()), {}, r"two Tensors, got Tensor and ndarray at \(0, 1\)"),
        (([ROWS], LABELS), {}, "two Tensors, got list and Tensor"),
        ((ROWS[:3], LABELS), {}, r"got \(4,\) torch.int64 for inputs of shape \(3, 3\)"),
        ((ROWS, LABELS[:, None].float()), {}, r"got \(4, 1\) torch.float32"),
        ((ROWS, LABELS[:, None].expand(4, 3)), {}, r"got \(4, 3\) torch.int64"),
        ((ROWS, torch.tensor(1)), {}, r"got \(\) torch.int64"),
        ((torch.tensor(1.0), LABELS), {}, r"for inputs of shape \(\)"),
        (
            (ROWS, LABELS + 3),
            {"labels": "same"},
            r"label [345] is unknown to the source, which has \[0, 1, 2\]",
        ),
        ((ROWS, LABELS + 0.5), {"labels": "same"}, r"label [012].5 is unknown to the source"),
        ((ROWS, LABELS * float("nan")), {"labels": "same"}, "label nan is unknown to the source"),
        (
            (ROWS, torch.eye(4)[[3, 3, 3, 3]]),
            {"labels": "same"},
            "label 3 is unknown to the source",
        ),
        (
            (ROWS, torch.eye(4)[:, :2]),
            {},
            r"\[0, 1, 2\] cannot be columns of class shares of 2 classes",
        ),
        ((ROWS, LABELS > 0), {}, r"torch.bool, which cannot hold those of the source: \[0, 1, 2\]"),
        (
            (ROWS.float(), LABELS),
            {},
            r"real rows are Tensor \(3,\) torch.float32 and .*Tensor \(3,\) torch.float64",
        ),
        (
            (ROWS[:, :2], LABELS),
            {},
            r"real rows are Tensor \(2,\) torch.float64 and .*Tensor \(3,\) torch.float64",
        ),
        (
            (ROWS, LABELS),
            {"transform": lambda row: row[:2]},
            r"synthetic ones Tensor \(2,\) torch.float64",
        ),
    ],
)
@pytest.mark.parametrize("mode", ["replace", "append"])
def test_batches_that_cannot_be_used_are_named(
    numbered: Numbered,
    numbered_bank: SampleBank,
    batch: Any,
    kwargs: dict[str, Any],
    message: str,
    mode: Any,
) -> None:
    for source in (numbered, numbered_bank):
        with pytest.raises(InputError, match=message):
            list(
                augment_loader([batch], source, ratio=1, mode=mode, **{"labels": "prior", **kwargs})
            )


def test_classes_that_are_no_columns_are_named_before_one_is_drawn() -> None:
    shares = torch.eye(3)[[0, 1, 2, 0]]
    for classes in ([1, 2, 3], [-1, 0, 1], [0, 7]):
        with pytest.raises(
            InputError,
            match="cannot be columns of class shares of 3 classes: number the classes from 0",
        ):
            next(iter(augment_loader([(ROWS, shares)], Numbered(classes), ratio=0, labels="prior")))
    with pytest.raises(
        InputError, match=r"uint8, which cannot hold those of the source: \[0, 300\]"
    ):
        next(
            iter(
                augment_loader([(ROWS, LABELS.byte())], Numbered([0, 300]), ratio=0, labels="prior")
            )
        )
    loader = augment_loader([(ROWS, shares)], Numbered([0, 2]), ratio=1, labels="prior")
    assert len(next(iter(loader))[0]) == 4


def test_rows_that_are_no_tensors_need_a_transform(tmp_path: Path) -> None:
    pictures = ConditionalVAE(max_steps=1, width=4, latent_dim=4, device="cpu").fit(
        *as_form("pil-grey")
    )
    bank = SampleBank.build(pictures, 10, tmp_path / "bank")
    tensor = torch.zeros(4, 1, 12, 12, dtype=torch.uint8)
    for source in (pictures, bank):
        with pytest.raises(InputError, match="the source gives list rows: pass transform="):
            list(augment_loader([(tensor, LABELS % 2)], source, ratio=1))
        batches = list(
            augment_loader([(tensor, LABELS % 2)], source, ratio=1, transform=pil_to_tensor)
        )
        assert batches[0][0].float().mean() > 10


def test_rows_and_labels_of_another_byte_order_are_read(tmp_path: Path) -> None:
    X, y = toy_table()
    vae = ConditionalVAE(max_steps=1, width=4, latent_dim=4, device="cpu").fit(
        X.astype(">f4"), y.astype(">i2")
    )
    batch = torch.zeros(6, 3), torch.zeros(6, dtype=torch.int64)
    for source in (vae, SampleBank.build(vae, 20, tmp_path / "bank")):
        x, labels = next(iter(augment_loader([batch], source, ratio=1, labels="balanced")))
        assert 0 < x.abs().max() < 20
        assert set(labels.tolist()) == {0, 1}


def test_a_loader_says_what_it_adds(sampler: ConditionalVAE) -> None:
    loader = augment_loader(DataLoader(DATA), sampler, ratio=0.25)
    assert repr(loader) == "AugmentedLoader(DataLoader, ratio=0.25)"
