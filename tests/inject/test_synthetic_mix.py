"""`SyntheticMix`: the share of each batch, together with MixUp and CutMix, repeatable from torch's seed."""

import copy
import pickle
from collections import Counter, UserDict
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from gen_augment import ConditionalVAE, InputError, NotFittedError, SampleBank, SyntheticMix
from tests.inject.toys import Mixing, Numbered, as_image, is_real, names, real_data, real_rows

Y = [0, 1, 2, 2, 1, 0, 0, 0, 1, 0]


def batch() -> tuple[Tensor, Tensor]:
    return real_rows(Y), torch.tensor(Y)


def image_batch() -> tuple[Tensor, Tensor]:
    return real_rows(Y).reshape(-1, 3, 1, 1), torch.tensor(Y)


def epoch_of(loader: DataLoader[Any]) -> list[tuple[float, ...]]:
    """Synthetic rows of an epoch."""
    return [name for x, _ in loader for name in names(x[~is_real(x)])]


@given(
    y=st.lists(st.integers(0, 2), min_size=1, max_size=40),
    ratio=st.floats(0, 1),
    labels=st.sampled_from(["same", "prior", "balanced"]),
    form=st.sampled_from(["index", "int32", "one-hot", "soft"]),
    from_bank=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_rows_are_replaced_and_the_rest_stays(
    numbered: Numbered,
    numbered_bank: SampleBank,
    y: list[int],
    ratio: float,
    labels: Any,
    form: str,
    from_bank: bool,
    seed: int,
) -> None:
    one_hot = nn.functional.one_hot(torch.tensor(y), 4).double()
    forms = {
        "index": torch.tensor(y),
        "int32": torch.tensor(y).int(),
        "one-hot": one_hot,
        "soft": one_hot * 0.6 + 0.1,
    }
    x, target = real_rows(y), forms[form]
    before = x.clone(), target.clone()
    torch.manual_seed(seed)
    out_x, out_y = SyntheticMix(
        numbered_bank if from_bank else numbered, ratio=ratio, labels=labels
    )(x, target)
    assert torch.equal(x, before[0])
    assert torch.equal(target, before[1])
    assert (out_x.dtype, out_y.dtype, out_y.shape) == (x.dtype, target.dtype, target.shape)
    new = ~is_real(out_x)
    assert int(new.sum()) in (int(ratio * len(y)), int(ratio * len(y)) + 1)
    assert torch.equal(out_x[~new], x[~new])
    assert torch.equal(out_y[~new], target[~new])
    assert torch.equal(out_x[:, 2].long(), out_y.argmax(dim=1) if out_y.ndim == 2 else out_y.long())
    assert labels != "same" or torch.equal(out_y, target)
    times = Counter(names(out_x[new]))
    assert all(n == 1 for n in times.values()) or (
        from_bank and max(Counter(out_x[new, 2].tolist()).values()) > 7
    )


def test_a_share_of_0_or_1_is_exact(numbered: Numbered) -> None:
    for ratio, n in ((0, 0), (0.0, 0), (1, 10), (1.0, 10)):
        for _ in range(20):
            assert int((~is_real(SyntheticMix(numbered, ratio=ratio)(*batch())[0])).sum()) == n
    empty = real_rows([]), torch.tensor([], dtype=torch.int64)
    assert len(SyntheticMix(numbered, ratio=1)(*empty)[0]) == 0


@pytest.mark.parametrize("ratio", [0.03, 0.25, 1 / 3, 0.77])
def test_the_share_is_right_on_average_and_each_place_as_likely(
    numbered: Numbered, ratio: float
) -> None:
    torch.manual_seed(0)
    mix, times, n = SyntheticMix(numbered, ratio=ratio), np.zeros(10), 1500
    for _ in range(n):
        times += (~is_real(mix(*batch())[0])).numpy()
    part = ratio * 10 % 1
    assert abs(times.sum() - 10 * ratio * n) <= 4 * np.sqrt(n * part * (1 - part))
    assert np.all(np.abs(times - ratio * n) < 5 * np.sqrt(n * ratio * (1 - ratio)))


def test_a_run_repeats_from_torch_and_takes_one_number_of_it(
    numbered: Numbered, numbered_bank: SampleBank
) -> None:
    for source in (numbered, numbered_bank):
        mix = SyntheticMix(source, ratio=0.5)
        torch.manual_seed(3)
        first = [names(mix(*batch())[0]) for _ in range(3)]
        after = torch.rand(2)
        assert len({tuple(rows) for rows in first}) == 3
        torch.manual_seed(3)
        state = np.random.get_state()[1].copy()  # type: ignore[index]
        assert [names(mix(*batch())[0]) for _ in range(3)] == first
        assert np.array_equal(np.random.get_state()[1], state)
        torch.manual_seed(3)
        for _ in range(3):
            torch.randint(2**62, ())
        assert torch.equal(torch.rand(2), after)


@pytest.mark.parametrize("workers", [0, 2])
def test_it_works_in_a_collate_fn(
    numbered: Numbered, numbered_bank: SampleBank, workers: int
) -> None:
    for source in (numbered, numbered_bank):
        loader = DataLoader(
            real_data(Y * 4),
            batch_size=5,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,
            collate_fn=Mixing(SyntheticMix(source, ratio=0.4)),
        )
        torch.manual_seed(5)
        epochs = [epoch_of(loader) for _ in range(2)]
        assert [len(epoch) for epoch in epochs] == [16, 16]
        assert epochs[0] != epochs[1]
        torch.manual_seed(5)
        assert [epoch_of(loader) for _ in range(2)] == epochs
        if source is numbered:  # each batch has different rows, in any worker
            assert len({seed for epoch in epochs for seed, _, _ in epoch}) == 16


def test_it_can_be_chosen_at_random_with_mixup_and_cutmix(numbered: Numbered) -> None:
    mix = SyntheticMix(numbered, ratio=0.5, transform=as_image)
    choice = v2.RandomChoice([v2.MixUp(num_classes=3), v2.CutMix(num_classes=3), mix])
    torch.manual_seed(0)
    loader = DataLoader(real_data(Y * 30), batch_size=10)
    taken = Counter[str]()
    for x, y in loader:
        out_x, out_y = choice(x.reshape(-1, 3, 1, 1), y)
        taken["mixed" if out_y.ndim == 2 else "synthetic"] += 1
        if out_y.ndim == 1:
            assert int((~is_real(out_x.reshape(-1, 3))).sum()) == 5
            assert torch.equal(out_x[:, 2, 0, 0].long(), out_y)
    assert 10 < taken["mixed"] < 28
    assert taken.total() == 30


def test_it_works_before_and_after_mixup(numbered: Numbered) -> None:
    mix = SyntheticMix(numbered, ratio=1, transform=as_image, labels="balanced")
    torch.manual_seed(1)
    x, y = v2.Compose([mix, v2.MixUp(num_classes=3)])(*image_batch())
    shares = torch.stack([torch.arange(3).double() @ row.double() for row in y])
    torch.testing.assert_close(
        x[:, 2, 0, 0], shares, rtol=1e-4, atol=1e-4
    )  # labels and images have the same weights
    mixed = v2.MixUp(num_classes=3)(*image_batch())
    kept = mixed[1].clone()
    x, y = SyntheticMix(numbered, ratio=1, transform=as_image)(*mixed)
    assert torch.equal(y, kept)
    assert torch.equal(x[:, 2, 0, 0].long(), kept.argmax(dim=1))


def test_it_takes_any_batch(numbered: Numbered) -> None:
    mix = SyntheticMix(numbered, ratio=0.5)
    x, y = batch()
    extra = list("abcdefghij")
    for given_, place in (
        ((x, y, extra), 2),
        ([x, y, extra], 2),
        ({"pixel_values": x, "labels": y, "id": extra}, "id"),
    ):
        out = mix(given_)
        assert type(out) is type(given_)
        assert out[place] == extra  # type: ignore[index]
        assert sum(int((~is_real(part)).sum()) for part in (out.values() if isinstance(out, dict) else out)
                   if isinstance(part, Tensor) and part.ndim == 2) == 5  # fmt: skip
    assert isinstance(mix(UserDict({"x": x, "y": y})), UserDict)
    assert len(mix(x, y, extra)) == 3
    assert torch.equal(x, batch()[0])
    wrapped = tv_tensors.Image(image_batch()[0])
    out = SyntheticMix(numbered, ratio=0.5, transform=as_image)(wrapped, y)
    assert isinstance(out[0], tv_tensors.Image)


def test_it_is_a_module(
    numbered: Numbered, numbered_bank: SampleBank, image_sampler: ConditionalVAE
) -> None:
    for source in (numbered, numbered_bank):
        mix = SyntheticMix(source, ratio=0.5, labels="prior")
        assert (
            repr(mix) == f"SyntheticMix(source={type(source).__name__}, ratio=0.5, labels='prior')"
        )
        assert list(mix.parameters()) == []
        assert mix.state_dict() == {}
        torch.manual_seed(0)
        expected = mix(*batch())
        in_sequence = nn.Sequential(mix, nn.Identity()).eval()
        for other in (
            copy.deepcopy(mix),
            pickle.loads(pickle.dumps(mix)),
            in_sequence,
            mix.train(),
        ):
            torch.manual_seed(0)
            x, y = other(batch())
            assert torch.equal(x, expected[0])
            assert torch.equal(y, expected[1])
    real = SyntheticMix(image_sampler, transform=torch.from_numpy)
    copied = pickle.loads(pickle.dumps(copy.deepcopy(real)))
    zeros = torch.zeros(4, 12, 12, 1, dtype=torch.uint8), torch.tensor([0, 1, 0, 1])
    torch.manual_seed(0)
    expected = real(*zeros)
    torch.manual_seed(0)
    torch.testing.assert_close(copied(*zeros)[0], expected[0], rtol=0, atol=1)
    assert expected[0].sum() > 0


def test_inputs_that_require_a_gradient_keep_it(
    numbered: Numbered, numbered_bank: SampleBank
) -> None:
    for source in (numbered, numbered_bank):
        x, y = batch()
        x.requires_grad_()
        out, _ = SyntheticMix(source, ratio=0.5)(x, y)
        out.sum().backward()
        assert x.grad is not None
        assert torch.equal(x.grad[:, 0] == 1, is_real(out))


def test_unusable_batches_are_named(numbered: Numbered) -> None:
    for kwargs, message in (
        ({"ratio": -0.1}, "ratio=-0.1"),
        ({"ratio": 1.1}, r"ratio=1.1 is not a number in \[0, 1\]"),
        ({"ratio": None}, "ratio=None"),
        ({"labels": "mine"}, "labels='mine'"),
    ):
        with pytest.raises(InputError, match=message):
            SyntheticMix(numbered, **kwargs)  # type: ignore[arg-type]
    with pytest.raises(NotFittedError):
        SyntheticMix(ConditionalVAE())
    for source, message in (
        (Numbered(["a", "b"]), "labels are <U1"),
        (ConditionalVAE, "is a class"),
        (3, "not a source of rows"),
    ):
        with pytest.raises(InputError, match=message):
            SyntheticMix(source)  # type: ignore[arg-type]
    x, y = batch()
    mix, prior = SyntheticMix(numbered, ratio=1), SyntheticMix(numbered, ratio=1, labels="prior")
    for call, message in (
        (lambda: mix(x), "a batch must be"),
        (lambda: mix([x]), "a batch must be"),
        (lambda: mix(x, y[:3]), r"got \(3,\) torch.int64 for inputs of shape \(10, 3\)"),
        (lambda: mix(x, y.tolist()), "two Tensors, got Tensor and list"),
        (
            lambda: mix(x.float(), y),
            r"real rows are Tensor \(3,\) torch.float32 and synthetic ones Tensor \(3,\) torch.float64",
        ),
        (lambda: mix(x, y + 5), "is unknown to the source.*labels='prior' or.*of all classes"),
        (lambda: prior(x, torch.ones(10, 2)), "columns of class shares of 2 classes"),
        (lambda: prior(x, torch.ones(10, 1)), r"got \(10, 1\)"),
        (lambda: prior(x, y > 0), "torch.bool, which cannot hold"),
    ):
        with pytest.raises(InputError, match=message):
            call()


def test_default_collate_and_the_module_agree_on_structure(numbered: Numbered) -> None:
    rows = [
        {"x": row, "label": label, "id": i}
        for i, (row, label) in enumerate(zip(*batch(), strict=True))
    ]
    out = SyntheticMix(numbered, ratio=0.5)(default_collate(rows))
    assert list(out) == ["x", "label", "id"]
    assert torch.equal(out["id"], torch.arange(10))
