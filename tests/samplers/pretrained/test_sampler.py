"""`PretrainedSampler` over functions, modules and TorchScript: rows equal direct calls."""

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import (
    AugmentedDataset,
    GenerativeOverSampler,
    InputError,
    SampleBank,
    augment_loader,
)
from gen_augment.inject.row_source import describe
from gen_augment.rng import derive_seed, normal
from tests.conftest import FORMS, as_form, toy_images
from tests.samplers.pretrained.generators import Affine, Normed, blend, by_hand, make, noisy, plain


@pytest.mark.parametrize("form", [form for form in FORMS if not form.startswith("table")])
def test_samples_have_the_form_of_the_training_rows(form: str) -> None:
    X, y = as_form(form)
    channels = (
        3
        if form in ("uint8-nhwc", "uint8-nchw", "float32-nchw", "uint8-tensor", "pil-colour")
        else 1
    )
    sampler = make(Affine(channels=channels, side=10 if form == "non-square" else 12)).fit(X, y)
    new_X, new_y = sampler.sample(7)
    assert type(new_X) is type(X)
    assert type(new_y) is type(y)
    assert len(new_X) == len(new_y) == 7
    assert describe(new_X[0]) == describe(X[0])


def test_rows_equal_those_of_the_generator() -> None:
    X, y = toy_images()
    generator = Affine()
    sampler = make(generator).fit(X, np.array(["cat", "dog"])[y])
    found = sampler.generate([5, 0, 700, 5], ["dog", "cat", "cat", "dog"])
    np.testing.assert_allclose(found, by_hand(generator, [5, 0, 700, 5], [1, 0, 0, 1]), atol=1)
    turned = make(generator, class_map={"cat": 1, "dog": 0, "cow": 9}).fit(
        X, np.array(["cat", "dog"])[y]
    )
    np.testing.assert_allclose(
        turned.generate([5, 0], ["dog", "cat"]), by_hand(generator, [5, 0], [0, 1]), atol=1
    )
    assert sampler.class_prior_.tolist() == [0.5, 0.5]
    assert sampler.classes_.tolist() == ["cat", "dog"]


@pytest.mark.parametrize("low, high", [(0, 1), (-1, 1), (0, 255), (-3.5, 2)])
def test_value_ranges(low: float, high: float) -> None:
    X, y = toy_images()
    sampler = make(
        lambda z, y: (plain(z, y) + 1) / 2 * (high - low) + low, value_range=(low, high)
    ).fit(X, y)
    np.testing.assert_allclose(
        sampler.generate([0, 1], [0, 1]), by_hand(plain, [0, 1], [0, 1]), atol=1
    )


def test_data_range_sets_black_and_white() -> None:
    X, y = toy_images(channels=3)
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.1])
    normalised = ((X * 0.8 / 255 - mean) / std).astype(
        np.float32
    )  # the brightest pixel is not white
    sampler = make(Affine(channels=3), data_range=((0 - mean) / std, (1 - mean) / std)).fit(
        normalised, y
    )
    found = sampler.generate([0, 1], [0, 1]) * std + mean
    expected = by_hand(Affine(channels=3), [0, 1], [0, 1]) / 255
    np.testing.assert_allclose(found, expected, atol=0.01)
    for bad in ((1, 0), (0,), 5, ("a", "b"), ([0, 0], [1, 1]), (0, np.inf), (0, np.nan)):
        with pytest.raises(InputError, match="data_range"):
            make(Affine(channels=3), data_range=bad).fit(normalised, y)


@pytest.mark.parametrize(
    "generator", [Affine(), Normed(), plain, noisy], ids=["affine", "norm", "function", "noisy"]
)
def test_a_row_depends_on_its_address_alone(generator: Any) -> None:
    X, y = toy_images()
    sampler = make(generator, batch_size=13).fit(X.astype(np.float32), y)
    index = np.arange(60)
    labels = index % 2
    state = torch.get_rng_state()
    whole = sampler.generate(index, labels)
    for size in (1, 7, 59):
        parts = [
            sampler.generate(index[i : i + size], labels[i : i + size]) for i in range(0, 60, size)
        ]
        np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-4, atol=1e-3)
    shuffled = np.random.default_rng(0).permutation(60)
    np.testing.assert_allclose(
        sampler.generate(shuffled, labels[shuffled]), whole[shuffled], rtol=1e-4, atol=1e-3
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert not np.allclose(sampler.generate(index, labels, seed=4), whole)
    assert len({row.tobytes() for row in whole}) == 60


def test_vary() -> None:
    X, y = toy_images()
    sampler = make(plain, vary_with=blend).fit(X, y)
    np.testing.assert_allclose(sampler.vary(X, y, strength=0), X, atol=1)
    new = sampler.vary(X, y, strength=1, random_state=3)
    z = normal(np.arange(len(X)), (4,), derive_seed(3, "vary"))
    expected = np.rint((plain(z, torch.from_numpy(y)).numpy().transpose(0, 2, 3, 1) + 1) * 127.5)
    np.testing.assert_allclose(new, expected, atol=1)
    for n in (1, 13, 39):
        np.testing.assert_allclose(
            sampler.vary(X[:n], y[:n], strength=1, random_state=3), new[:n], atol=1
        )
    with pytest.raises(AttributeError, match="vary") as caught:
        make(plain).fit(X, y).vary(X, y)
    assert "has no vary_with" in str(caught.value.__cause__)
    with pytest.raises(InputError, match=r"vary_with=.*NaN"):
        make(plain, vary_with=lambda x, y, z, strength: x * np.nan).fit(X, y)
    with pytest.raises(
        InputError, match=r"vary_with=.*\(1, 12, 6\).*\(1, 12, 12\): set resize=True"
    ):
        make(plain, vary_with=lambda x, y, z, strength: x[..., ::2]).fit(X, y)


def test_resizing_must_be_requested() -> None:
    X, y = toy_images()
    with pytest.raises(
        InputError,
        match=r"Affine gives images of \(C, H, W\) = \(1, 24, 36\).*\(1, 12, 12\).*resize=Tr",
    ):
        make(Affine(side=24, width=36)).fit(X, y)
    seen: list[tuple[int, ...]] = []

    def vary(x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        seen.append(tuple(x.shape[1:]))
        return x

    flat = lambda z, y: plain(z, y)[..., :1, :1].expand(-1, 1, 24, 36)  # noqa: E731
    sampler = make(flat, resize=True, vary_with=vary).fit(X, y)
    np.testing.assert_allclose(
        sampler.generate([0, 1], [0, 1]), by_hand(plain, [0, 1], [0, 1]), atol=1
    )
    assert sampler.vary(X, y).shape == X.shape
    assert set(seen) == {(1, 24, 36)}


@pytest.mark.filterwarnings(
    "ignore::FutureWarning"
)  # torch.jit warns that torch.export replaces it
@pytest.mark.parametrize("how", ["trace", "script", "export"])
def test_modules_of_torch_jit_and_export(how: str, tmp_path: Path) -> None:
    X, y = toy_images()
    plain_module = Affine().eval()
    example = torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64)
    if how == "export":
        rows = torch.export.Dim("rows", min=1)
        exported = torch.export.export(plain_module, example, dynamic_shapes=({0: rows}, {0: rows}))
        torch.export.save(exported, tmp_path / "g.pt2")
        module: Any = torch.export.load(tmp_path / "g.pt2").module()
    else:
        made = (
            torch.jit.trace(plain_module, example)
            if how == "trace"
            else torch.jit.script(plain_module)
        )
        torch.jit.save(made, tmp_path / "g.pt")  # type: ignore[no-untyped-call]
        module = torch.jit.load(tmp_path / "g.pt")  # type: ignore[no-untyped-call]
    sampler = make(module).fit(X, y)
    expected = by_hand(plain_module, [0, 300, 2], [0, 1, 1])
    np.testing.assert_allclose(sampler.generate([0, 300, 2], [0, 1, 1]), expected, atol=1)
    if how != "export":
        other = pickle.loads(pickle.dumps(sampler))
        np.testing.assert_array_equal(
            other.generate([0, 300, 2], [0, 1, 1]), sampler.generate([0, 300, 2], [0, 1, 1])
        )
        assert other.fingerprint() == sampler.fingerprint()
        assert clone(sampler).fit(X, y).fingerprint() == sampler.fingerprint()


@pytest.mark.parametrize("generator", [Affine(), plain, noisy], ids=["module", "function", "noisy"])
def test_pickled_copied_and_cloned_samplers_give_the_same_rows(generator: Any) -> None:
    X, y = toy_images()
    sampler = make(generator, name="mine", vary_with=blend).fit(X, y)
    expected = sampler.generate([0, 300, 7], [0, 1, 1])
    for other in (
        pickle.loads(pickle.dumps(sampler)),
        copy.deepcopy(sampler),
        clone(sampler).fit(X, y),
    ):
        np.testing.assert_array_equal(other.generate([0, 300, 7], [0, 1, 1]), expected)
        np.testing.assert_array_equal(
            other.vary(X, y, random_state=0), sampler.vary(X, y, random_state=0)
        )
        assert other.fingerprint() == sampler.fingerprint()
    assert not hasattr(clone(sampler), "network_")
    assert (
        pickle.loads(pickle.dumps(make(generator))).get_params().keys()
        == sampler.get_params().keys()
    )


def test_samplers_with_other_rows_have_other_fingerprints() -> None:
    X, y = toy_images()
    nudged = Affine()
    with torch.no_grad():
        nudged.bias[0, 0] += 1e-3
    base = make().fit(X, y).fingerprint()
    assert base == make(batch_size=3).fit(X, y).fingerprint()
    prints = [
        make(nudged).fit(X, y).fingerprint(),
        make(nn.ModuleList([Affine()])[0].forward).fit(X, y).fingerprint(),
        make(random_state=4).fit(X, y).fingerprint(),
        make(name="b").fit(X, y).fingerprint(),
        make(class_map={0: 1, 1: 0}).fit(X, y).fingerprint(),
        make(value_range=(-1, 2)).fit(X, y).fingerprint(),
        make(resize=True).fit(X, y).fingerprint(),
        make().fit(X.astype(np.float32), y).fingerprint(),
        make(plain, name="a").fit(X, y).fingerprint(),
        make(plain, name="b").fit(X, y).fingerprint(),
    ]
    assert len({base, *prints}) == len(prints) + 1
    with pytest.raises(InputError, match=r"generator plain has no weights.*name="):
        make(plain).fit(X, y).fingerprint()


def test_in_banks_loaders_datasets_and_oversampling(tmp_path: Path) -> None:
    X, y = toy_images()
    sampler = make(plain, name="plain").fit(X, y)
    bank = SampleBank.build(sampler, {0: 300, 1: 30}, tmp_path / "bank")
    reopened = SampleBank.open(tmp_path / "bank")
    assert len(bank) == len(reopened) == 330
    rows = np.stack([reopened[i][0] for i in range(330)])
    labels = np.array([reopened[i][1] for i in range(330)])
    assert np.bincount(labels).tolist() == [300, 30]
    assert rows[labels == 1].mean() > rows[labels == 0].mean() + 50

    tensors = torch.from_numpy(X).permute(0, 3, 1, 2).float() / 255
    data = TensorDataset(tensors, torch.from_numpy(y))
    on_tensors = make(plain, name="plain", vary_with=blend).fit(tensors, torch.from_numpy(y))
    batches = list(
        augment_loader(DataLoader(data, batch_size=8), on_tensors, ratio=0.5, return_mask=True)
    )
    assert sum(int(batch[2].sum()) for batch in batches) == 20
    assert all(batch[0].shape == (8, 1, 12, 12) for batch in batches)
    more = AugmentedDataset(data, on_tensors, sampling_strategy={1: 25})
    assert len(more) == 45
    x, label = more[44]
    assert (x.shape, x.dtype, int(label)) == ((1, 12, 12), torch.float32, 1)

    X_new, y_new = GenerativeOverSampler(make(plain), random_state=0).fit_resample(
        X[:-10:], np.sort(y)[:-10]
    )
    assert np.bincount(y_new).tolist() == [20, 20]
    assert X_new.dtype == np.uint8


class Reader(torch.utils.data.Dataset[Any]):
    """Rows of a sampler, each made in the worker that reads it."""

    def __init__(self, sampler: Any) -> None:
        self.sampler = sampler

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return self.sampler.generate([index], [index % 2])[0]


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_in_workers(context: str) -> None:
    X, y = toy_images()
    sampler = make().fit(X, y)
    loader = DataLoader(
        Reader(sampler), batch_size=3, num_workers=1, multiprocessing_context=context
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about fork in a process with threads
        rows = torch.cat(list(loader)).numpy()
    np.testing.assert_allclose(
        rows.astype(int), sampler.generate(np.arange(6), np.arange(6) % 2).astype(int), atol=1
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("generator", [Affine(), plain], ids=["module", "function"])
def test_cuda_gives_the_rows_that_the_cpu_gives(generator: Any) -> None:
    X, y = toy_images()
    index = np.arange(300)
    on_cpu = make(copy.deepcopy(generator)).fit(X, y).generate(index, index % 2)
    on_gpu = make(copy.deepcopy(generator), device="cuda").fit(X, y)
    np.testing.assert_allclose(
        on_gpu.generate(index, index % 2).astype(int), on_cpu.astype(int), atol=1
    )
    again = pickle.loads(pickle.dumps(on_gpu))
    np.testing.assert_array_equal(
        again.generate(index, index % 2), on_gpu.generate(index, index % 2)
    )
    noise = make(noisy, device="cuda").fit(X.astype(np.float32), y)
    np.testing.assert_allclose(
        noise.generate([9], [1]), noise.generate(np.arange(20), 1)[9:10], atol=1e-3
    )
