"""The contract of every sampler in `SAMPLERS`, for every form of data."""

import copy
import math
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import clone

from gen_augment import ArchiveError, InputError, NotFittedError, archive, load_sampler
from gen_augment.inject.row_source import describe
from gen_augment.samplers import SAMPLERS
from tests.conftest import NETWORKS, as_form, small_sampler, toy_images, toy_table
from tests.processes import run_elsewhere

#: Rows without a label are marked by -1, which is warned of.
pytestmark = pytest.mark.filterwarnings("ignore:y holds -1")

NAMES = NETWORKS
#: What ``class_balance="auto"`` stands for where classes differ much in size.
AUTO_BALANCE = [
    ("gan", "image", 1.0),
    ("gan", "table", 0.0),
    ("flow", "image", 0.5),
    ("flow", "table", 0.0),
]


def as_array(X: Any) -> np.ndarray:
    if isinstance(X, list):
        return np.stack([np.asarray(row) for row in X]).astype(float)
    if isinstance(X, pd.DataFrame):
        return X.to_numpy(dtype=float)
    return np.asarray(X, dtype=float)


@pytest.mark.parametrize("name", NAMES)
def test_samples_have_the_form_of_the_training_rows(name: str, form: str) -> None:
    X, y = as_form(form)
    new_X, new_y = small_sampler(name).fit(X, y).sample(7)

    assert type(new_X) is type(X)
    assert type(new_y) is type(y)
    assert len(new_X) == len(new_y) == 7
    if isinstance(X, pd.DataFrame):
        assert new_X.dtypes.equals(X.dtypes)
        assert new_y.name == y.name
    else:
        assert describe(new_X[0]) == describe(X[0])
    if not isinstance(y, list):
        assert new_y.dtype == y.dtype
    assert set(np.asarray(new_y).tolist()) <= set(np.asarray(y).tolist())
    seen, made = as_array(X), as_array(new_X)
    assert np.isfinite(made).all()
    whole = form.startswith(("uint8", "pil", "non-square"))  # the range is that of the dtype
    assert made.min() >= (0 if whole else seen.min())
    assert made.max() <= (255 if whole else seen.max())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_a_row_depends_on_its_address_alone(name: str, data: Any) -> None:
    X, y = data()
    sampler = small_sampler(name).fit(X.astype(np.float32), y)
    index = np.arange(300)
    labels = index % 2
    whole = sampler.generate(index, labels, seed=3)

    for size, end in ((1, 20), (7, 70), (256, 300)):
        parts = [
            sampler.generate(index[i : min(i + size, end)], labels[i : min(i + size, end)], seed=3)
            for i in range(0, end, size)
        ]
        np.testing.assert_allclose(np.concatenate(parts), whole[:end], rtol=1e-4, atol=1e-3)
    shuffled = np.random.default_rng(0).permutation(300)
    np.testing.assert_allclose(
        sampler.generate(shuffled, labels[shuffled], seed=3), whole[shuffled], rtol=1e-4, atol=1e-3
    )
    assert not np.allclose(sampler.generate(index, labels, seed=4), whole)


def rows_of(path: Path) -> Any:
    return load_sampler(path).generate([0, 300, 7], [0, 1, 1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_saved_pickled_and_copied_samplers_give_the_same_rows(
    name: str, data: Any, tmp_path: Path
) -> None:
    X, y = data()
    sampler = small_sampler(name, random_state=5).fit(X, y)
    path = tmp_path / "sampler.safetensors"
    sampler.save(path)
    expected = sampler.generate([0, 300, 7], [0, 1, 1])

    copies = [
        type(sampler).load(path),
        load_sampler(path),
        pickle.loads(pickle.dumps(sampler)),
        copy.deepcopy(sampler),
    ]
    for other in copies:
        np.testing.assert_allclose(other.generate([0, 300, 7], [0, 1, 1]), expected, rtol=1e-5)
        assert other.history_ == sampler.history_
        assert other.n_steps_ == 3
        assert {**other.get_params(), "device": ""} == {**sampler.get_params(), "device": ""}
    np.testing.assert_allclose(run_elsewhere(rows_of, path), expected, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_samples_have_the_requested_labels(name: str) -> None:
    X, _ = toy_table(90)
    names = np.array(["a", "b", "c"])[np.arange(90) % 3]
    sampler = small_sampler(name).fit(X, names)

    assert sampler.sample(4, y="b")[1].tolist() == ["b"] * 4
    assert sampler.sample(y=["c", "a", "c"])[1].tolist() == ["c", "a", "c"]
    assert sampler.sample(y={"c": 2, "a": 0, "b": 3})[1].tolist() == ["c", "c", "b", "b", "b"]
    assert sampler.sample()[1].shape == (1,)
    for bad in ({"n_samples": 0}, {"n_samples": -3}, {"n_samples": 2.5}, {"n_samples": True}, {"y": "d"}, {"y": {}},
                {"y": []}, {"y": {"a": -1}}, {"y": {"a": 1.5}}, {"n_samples": 3, "y": ["a", "b"]}, {"y": {"z": 1}},
                {"y": 3}, {"random_state": "seed"}):  # fmt: skip
        with pytest.raises(InputError):
            sampler.sample(**bad)


@pytest.mark.parametrize("name", NAMES)
def test_prior_labels_follow_the_class_shares(name: str) -> None:
    X, _ = toy_table(60)
    sampler = small_sampler(name).fit(X, np.repeat([0, 1], [45, 15]))
    assert sampler.class_prior_.tolist() == [0.75, 0.25]
    share = sampler.sample(4000, random_state=0)[1].mean()
    assert abs(share - 0.25) < 4 * np.sqrt(0.75 * 0.25 / 4000)


@pytest.mark.parametrize("name", NAMES)
def test_random_state_repeats_rows_and_none_continues(name: str) -> None:
    sampler = small_sampler(name).fit(*toy_table())
    X, y = sampler.sample(20, random_state=1)
    shorter = sampler.sample(12, random_state=1)
    np.testing.assert_allclose(shorter[0], X[:12], rtol=1e-5)
    np.testing.assert_array_equal(shorter[1], y[:12])

    first, second = sampler.sample(5)[0], sampler.sample(5)[0]
    np.testing.assert_allclose(
        np.concatenate([first, second]), sampler.sample(10, random_state=0)[0], rtol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_fits_are_reproducible_and_leave_global_random_state_alone(
    name: str, tmp_path: Path
) -> None:
    def state() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())

    before = state()
    X, y = toy_images()
    first = small_sampler(name).fit(X, y)
    first.sample(3)
    first.save(tmp_path / "a")
    type(first).load(tmp_path / "a")
    small_sampler(name, random_state=None).fit(X, y)
    assert state() == before

    torch.manual_seed(99)
    second = small_sampler(name).fit(X, y)
    for (key, a), b in zip(
        first.network_.state_dict().items(), second.network_.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), key


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_training_reaches_every_parameter(name: str, data: Any) -> None:
    X, y = data()
    initial = small_sampler(name, max_steps=1, lr=1e-12).fit(X, y).network_
    trained = small_sampler(name, max_steps=40).fit(X, y).network_
    for (key, before), after in zip(initial.named_parameters(), trained.parameters(), strict=True):
        assert not torch.allclose(before, after, rtol=0, atol=1e-6), key


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size, channels", [(8, 3), (9, 1), (28, 1), (33, 3), (64, 3)])
def test_image_sizes(name: str, size: int, channels: int) -> None:
    X, y = toy_images(8, size, channels)
    new_X, _ = small_sampler(name, max_steps=1, batch_size=4, width=2).fit(X, y).sample(2)
    assert new_X.shape == (2, size, size, channels)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_the_default_dtype_of_torch_changes_nothing(name: str, data: Any, tmp_path: Path) -> None:
    X, y = data()
    partly = np.where(np.arange(len(y)) < 9, -1, y % 2 + np.arange(len(y)) % 3)
    expected = small_sampler(name).fit(X, partly)
    torch.set_default_dtype(torch.float64)
    try:
        sampler = small_sampler(name).fit(X, partly)
        sampler.save(tmp_path / "a")
        for same in (sampler, load_sampler(tmp_path / "a"), copy.deepcopy(sampler)):
            np.testing.assert_array_equal(
                same.generate([0, 9], [0, 1]), expected.generate([0, 9], [0, 1])
            )
        if name != "gan":
            assert len(sampler.vary(X[:3], y[:3])) == 3
        if name == "gan":
            assert sampler.discriminate(X[:3], y[:3]).shape == (3,)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", NAMES)
def test_sklearn_conventions(name: str) -> None:
    sampler = small_sampler(name, lr=0.005)
    copy_ = clone(sampler)
    assert copy_.get_params() == sampler.get_params()
    assert not hasattr(copy_.fit(*toy_table()).set_params(lr=0.1), "lr_")
    frame, y = as_form("table-frame")
    sampler.fit(frame, y)
    assert sampler.feature_names_in_.tolist() == ["a", "n", "b"]
    assert sampler.n_features_in_ == 3
    assert sampler.classes_.tolist() == ["no", "yes"]
    sampler.fit(*toy_images())
    assert not hasattr(sampler, "feature_names_in_")
    assert sampler.n_features_in_ == 144


@pytest.mark.parametrize("name", NAMES)
def test_unfitted_use_is_refused(name: str, tmp_path: Path) -> None:
    sampler = small_sampler(name)
    for use in (
        lambda: sampler.sample(3),
        lambda: sampler.generate([0], [0]),
        lambda: sampler.save(tmp_path / "x"),
    ):
        with pytest.raises(NotFittedError, match="not fitted"):
            use()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "params",
    [{"max_steps": 0}, {"batch_size": -1}, {"latent_dim": 0}, {"width": 2.5}, {"lr": 0.0}, {"lr": "fast"},
     {"device": "abacus"}, {"precision": "7-bit"}, {"random_state": 1.5}],
    ids=str,
)  # fmt: skip
def test_bad_parameters_are_named(name: str, params: dict[str, Any]) -> None:
    if not set(params) <= set(SAMPLERS[name]._get_param_names()):
        pytest.skip(f"{name} has no {params}")
    with pytest.raises(InputError, match=str(next(iter(params)))):
        small_sampler(name, **params).fit(*toy_images())


@pytest.mark.parametrize("name", NAMES)
def test_bad_data_is_refused_and_the_fit_is_kept(name: str) -> None:
    X, y = toy_table()
    sampler = small_sampler(name).fit(X, y)
    expected = sampler.generate([0, 1], [0, 1])
    infinite = X.copy()
    infinite[5, 2] = np.inf
    lonely = y.copy()
    lonely[0] = 7
    cases = {
        "infinity": (infinite, y),
        "only one class": (X, np.zeros_like(y)),
        "7: 1": (X, lonely),
        "60 rows and y has 59": (X, y[:-1]),
        "different": ([Image.new("L", (12 + n % 2, 12)) for n in range(4)], [0, 0, 1, 1]),
        "is empty": (X[:0], y[:0]),
        "object": (np.array([[{}, 1, 2]] * len(X), dtype=object), y),
        "y is None": (X, None),
        "no channel axis": (np.zeros((4, 2, 12, 12)), [0, 1, 0, 1]),
        "dimensions": (np.zeros((4, 2, 12, 12, 3)), [0, 1, 0, 1]),
    }
    for message, (bad_X, bad_y) in cases.items():
        with pytest.raises(InputError, match=message):
            sampler.fit(bad_X, bad_y)
        np.testing.assert_array_equal(sampler.generate([0, 1], [0, 1]), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_cuda_gives_the_rows_that_the_cpu_gives(name: str, data: Any, tmp_path: Path) -> None:
    X, y = data()
    sampler = small_sampler(name, device="cuda").fit(X.astype(np.float32), y)
    sampler.save(tmp_path / "a")
    on_cpu = type(sampler).load(tmp_path / "a", device="cpu")
    index = np.arange(300)
    np.testing.assert_allclose(
        sampler.generate(index, index % 2), on_cpu.generate(index, index % 2), rtol=1e-2, atol=0.5
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_mixed_precision_learns_the_same_network(name: str, data: Any) -> None:
    X, y = data()
    full = small_sampler(name, max_steps=20).fit(X, y)
    mixed = small_sampler(name, max_steps=20, precision="bf16-mixed").fit(X, y)
    assert mixed.n_steps_ == 20
    a, b = (as_array(sampler.sample(50, random_state=0)[0]) for sampler in (full, mixed))
    assert not np.array_equal(a, b)
    assert np.abs(a.mean(axis=0) - b.mean(axis=0)).max() < 0.25 * (X.max() - X.min())


@pytest.mark.parametrize("name", NAMES)
def test_only_images_are_sampled_in_bfloat16_and_only_if_it_is_fast(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = np.arange(150)  # more than one batch
    for data in (toy_images, toy_table):
        X, y = data()
        sampler = small_sampler(name, precision="bf16-mixed").fit(X, y)
        found = {}
        for fast in (False, True):
            monkeypatch.setattr(
                "gen_augment.training.placement.bfloat16_pays", lambda device, fast=fast: fast
            )
            found[fast] = as_array(sampler.generate(index, index % 2))
            automatic = sampler.set_params(precision="auto").generate(index, index % 2)
            np.testing.assert_array_equal(found[fast], as_array(automatic))
            sampler.set_params(precision="bf16-mixed")
            one_by_one = as_array(sampler.generate(index[3:4], index[3:4] % 2))
            np.testing.assert_allclose(one_by_one[0], found[fast][3], atol=0.02 * float(np.ptp(X)))
        assert np.array_equal(found[False], found[True]) == (data is toy_table)
        np.testing.assert_allclose(found[False], found[True], atol=0.05 * float(np.ptp(X)))


@pytest.mark.parametrize("name, kind, expected", AUTO_BALANCE)
def test_auto_balances_classes_of_different_size(name: str, kind: str, expected: float) -> None:
    X, y = toy_images() if kind == "image" else toy_table()
    kept = np.concatenate([np.flatnonzero(y == y[0]), np.flatnonzero(y != y[0])[:5]])

    def weights(rows: np.ndarray, class_balance: Any) -> torch.Tensor:
        sampler = small_sampler(name, max_steps=3, class_balance=class_balance).fit(
            X[rows], y[rows]
        )
        np.testing.assert_allclose(
            sampler.class_prior_, np.unique(y[rows], return_counts=True)[1] / len(rows)
        )
        return torch.cat([value.flatten() for value in sampler.network_.parameters()])

    rare, alike = weights(kept, "auto"), weights(np.arange(len(y)), "auto")
    assert torch.equal(rare, weights(kept, expected))
    assert not torch.equal(rare, weights(kept, 0.8))
    assert torch.equal(alike, weights(np.arange(len(y)), 0.0))
    with pytest.raises(InputError, match=r"class_balance=1\.5"):
        weights(kept, 1.5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["images", "table"])
def test_the_default_device_of_torch_changes_nothing(name: str, kind: str) -> None:
    X, y = toy_images(48) if kind == "images" else toy_table(48)
    made = []
    for where in ("cpu", "meta"):  # tensors on "meta" have no values, so any use fails
        with torch.device(where):
            sampler = small_sampler(name, max_steps=3, random_state=0).fit(X, y)
            made.append(sampler.sample(5)[0])
    assert type(made[0]) is type(made[1])
    np.testing.assert_array_equal(np.asarray(made[0]), np.asarray(made[1]))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_non_finite_weights_are_refused(value: float, tmp_path: Path) -> None:
    path = tmp_path / "gan.safetensors"
    small_sampler("gan", max_steps=2).fit(*toy_images(48)).save(path)
    header, tensors = archive.read(path)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    archive.write(
        path,
        {k: v for k, v in header.items() if k != "format"},
        tensors | {name: tensors[name] * value},
    )
    with pytest.raises(
        ArchiveError, match=f"does not fit together: the weights '{name}' are not finite"
    ):
        load_sampler(path)
