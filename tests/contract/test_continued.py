"""Every sampler: unlabelled rows, initial weights of another sampler, and continued training."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment import InputError, NotFittedError
from gen_augment.modalities.conditioning import ClassEmbedding
from gen_augment.training import Checkpoint
from tests.conftest import small_sampler as make
from tests.conftest import toy_images, toy_table
from tests.contract.test_samplers import NAMES

pytestmark = pytest.mark.filterwarnings("ignore:y holds -1")


def weights(sampler: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in sampler.network_.state_dict().items()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_unlabelled_rows_get_the_most_likely_label(name: str, data: Any, tmp_path: Path) -> None:
    X, _ = data(60)
    y = np.arange(60) % 3
    assert not hasattr(make(name).fit(X, y), "transduction_")
    partly = np.where(np.arange(60) % 4 == 0, y, -1)
    partly[:6] = y[:6]
    sampler = make(name, max_steps=12).fit(X, partly)

    assert sampler.classes_.tolist() == [0, 1, 2]
    assert sampler.class_count_.tolist() == np.bincount(partly[partly >= 0]).tolist()
    assert sampler.class_prior_.sum() == pytest.approx(1)
    assert set(sampler.sample(200)[1].tolist()) == {0, 1, 2}
    assert sampler.transduction_[partly >= 0].tolist() == partly[partly >= 0].tolist()
    # The fit equals a fit with these labels given.
    told = make(name, max_steps=12).fit(X, sampler.transduction_)
    assert all(
        torch.equal(a, b)
        for a, b in zip(weights(told).values(), weights(sampler).values(), strict=True)
    )
    with pytest.raises(InputError, match="-1"):
        sampler.sample(3, y=-1)
    # Training uses them: without them, or with other values, the weights differ.
    kept = partly >= 0
    without = make(name, max_steps=12).fit(X[kept], partly[kept])
    changed = X.copy()
    changed[~kept] = changed[~kept][::-1]
    other = make(name, max_steps=12).fit(changed, partly)
    for one in (without, other):
        assert any(
            not torch.equal(a, b)
            for a, b in zip(weights(sampler).values(), weights(one).values(), strict=True)
        )
    sampler.save(tmp_path / "a")
    np.testing.assert_allclose(
        type(sampler).load(tmp_path / "a").generate([5], [2]),
        sampler.generate([5], [2]),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_labels_of_separable_classes_are_inferred(data: Any) -> None:
    X, y = data(200)
    sampler = make("flow").fit(X, np.where(np.arange(200) < 60, y, -1))
    assert (sampler.transduction_ == y).mean() > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_minus_one_is_a_class_if_there_is_only_one_other(name: str) -> None:
    X, _ = toy_table(40)
    assert make(name).fit(X, np.arange(40) % 2 * 2 - 1).classes_.tolist() == [-1, 1]
    assert make(name).fit(X, np.arange(40) % 4 - 2).classes_.tolist() == [-2, -1, 0, 1]
    words = np.array(["-1", "0", "1", "2"])
    assert make(name).fit(X, words[np.arange(40) % 4]).classes_.tolist() == words.tolist()
    with pytest.warns(UserWarning, match="y holds -1 and classes such as"):
        assert make(name).fit(X, np.arange(40) % 3 - 1).classes_.tolist() == [0, 1]


def test_only_unlabelled_rows_are_refused() -> None:
    X, y = toy_table(40)
    sampler = make("flow").fit(X, y)
    with pytest.raises(InputError, match="y has no labelled row"):
        sampler.partial_fit(X, np.full(40, -1))


@pytest.mark.parametrize("name", NAMES)
def test_too_few_labelled_rows_are_refused(name: str) -> None:
    X, _ = toy_table(40)
    y = np.full(40, -1)
    y[:5] = 0, 0, 1, 2, 2
    with pytest.raises(InputError, match="1: 1"):
        make(name).fit(X, y)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_init_gives_the_initial_weights(name: str, data: Any) -> None:
    X, _ = data(60)
    y = np.arange(60) % 3
    source = make(name, max_steps=20).fit(X, y)
    before = weights(source)
    rates = {rate: 1e-12 for rate in ("lr", "discriminator_lr") if rate in source.get_params()}
    still = make(name, max_steps=1, **rates).fit(X[::-1], y[::-1], init=source)
    fresh = make(name, max_steps=1, **rates).fit(X[::-1], y[::-1])
    trained = [
        key for key, parameter in source.network_.named_parameters() if parameter.requires_grad
    ]
    for key in trained:
        torch.testing.assert_close(weights(still)[key], before[key], rtol=0, atol=1e-5)
    assert any(not torch.allclose(weights(fresh)[key], before[key], atol=1e-4) for key in trained)
    for key, tensor in weights(source).items():
        assert torch.equal(tensor, before[key]), "the source is not changed"


@pytest.mark.parametrize("name", NAMES)
def test_classes_are_matched_by_label(name: str) -> None:
    X, _ = toy_table(60)
    source = make(name, max_steps=15).fit(X, np.array(["b", "d", "e"])[np.arange(60) % 3])
    names = np.array(["a", "b", "c", "d", "e", "f"])[np.arange(60) % 6]
    sampler = make(name, max_steps=1, lr=1e-12).fit(X, names, init=source)
    assert sampler.classes_.tolist() == ["a", "b", "c", "d", "e", "f"]
    index = np.arange(20)
    if name != "paired":  # its rows are variants of the new data
        for label in ("b", "d", "e"):
            np.testing.assert_allclose(
                sampler.generate(index, label, seed=1),
                source.generate(index, label, seed=1),
                rtol=1e-2,
                atol=2e-2,
            )


@pytest.mark.parametrize("name", NAMES)
def test_new_classes_start_as_far_apart_as_the_known_ones(name: str) -> None:
    X, _ = toy_table(60)
    source = make(name, max_steps=15).fit(X, np.arange(60) % 3)
    rates = {rate: 1e-12 for rate in ("lr", "discriminator_lr") if rate in source.get_params()}
    sampler = make(name, max_steps=1, **rates).fit(X, np.arange(60) % 3 + 3, init=source)
    for (part, old), new in zip(
        source.network_.named_modules(), sampler.network_.modules(), strict=True
    ):
        if isinstance(old, ClassEmbedding) and not part.startswith("discriminator"):
            ratio = torch.pdist(new.weight[:-1]).mean() / torch.pdist(old.weight[:-1]).mean()
            assert 0.5 < ratio < 2


@pytest.mark.parametrize("name", NAMES)
def test_an_init_that_does_not_match_is_refused_and_the_fit_is_kept(name: str) -> None:
    X, y = toy_images()
    sampler = make(name).fit(X, y)
    expected = sampler.generate([0, 1], [0, 1])
    other = next(n for n in NAMES if n != name)
    cases: list[tuple[Any, type[Exception], str]] = [
        (make(other).fit(X, y), InputError, "can only start from"),
        (make(name), NotFittedError, "init"),
        ("flow.safetensors", InputError, "init is a str"),
        (make(name, width=6).fit(X, y), InputError, "have shape"),
        (make(name).fit(*toy_images(size=20)), InputError, "have shape|rows of shape"),
        (make(name).fit(*toy_table()), InputError, "have shape|rows of shape"),
    ]
    for init, error, message in cases:
        with pytest.raises(error, match=message):
            sampler.fit(X, y, init=init)
        np.testing.assert_array_equal(sampler.generate([0, 1], [0, 1]), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_partial_fit_continues_training(name: str, data: Any, tmp_path: Path) -> None:
    X, y = data(60)
    once = make(name, max_steps=30).partial_fit(X, y)
    for key, tensor in weights(make(name, max_steps=30).fit(X, y)).items():
        assert torch.equal(tensor, weights(once)[key]), "the first call is fit"
    before = weights(once)
    assert once.partial_fit(X, y) is once
    assert once.n_steps_ == 60
    assert once.history_["step"] == [25, 30, 55, 60]
    assert len(once.history_["loss"]) == 4
    assert once.class_count_.tolist() == (2 * np.bincount(y)).tolist()
    changed = [key for key, tensor in weights(once).items() if not torch.equal(tensor, before[key])]
    assert set(changed) >= {key for key, _ in once.network_.named_parameters()}

    once.save(tmp_path / "a")
    loaded = type(once).load(tmp_path / "a", device="cpu")
    assert (loaded.n_steps_, loaded.history_) == (once.n_steps_, once.history_)
    np.testing.assert_array_equal(loaded.class_count_, once.class_count_)
    loaded.partial_fit(X, y)
    once.partial_fit(X, y)
    for key, tensor in weights(once).items():
        assert torch.equal(tensor, weights(loaded)[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_partial_fit_adds_classes(name: str) -> None:
    X, _ = toy_table(60)
    sampler = make(name).fit(
        X[:40], pd.Series(np.arange(40) % 2, name="kind").map({0: "no", 1: "yes"})
    )
    sampler.partial_fit(X, np.array(["no", "yes", "maybe perhaps"])[np.arange(60) % 3])
    assert sampler.classes_.tolist() == ["maybe perhaps", "no", "yes"]
    assert sampler.class_count_.tolist() == [20, 40, 40]
    drawn = sampler.sample(y={"maybe perhaps": 3, "no": 1})[1]
    assert drawn.tolist() == ["maybe perhaps"] * 3 + ["no"]
    assert drawn.name == "kind"


@pytest.mark.parametrize("name", NAMES)
def test_partial_fit_refuses_rows_that_do_not_match_the_fit(name: str) -> None:
    X, y = toy_table()
    sampler = make(name).fit(X, y)
    expected = sampler.generate([0, 1], [0, 1])
    for rows, labels in (
        (X[:, :2], y),
        (X, y.astype(str)),
        (X, np.r_[7, y[1:]]),
        (X[:5], y),
        (X * np.nan, y),
    ):
        with pytest.raises(InputError):
            sampler.partial_fit(rows, labels)
        np.testing.assert_array_equal(sampler.generate([0, 1], [0, 1]), expected)
        assert sampler.n_steps_ == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_with_another_init_is_refused(name: str, tmp_path: Path) -> None:
    X, y = toy_table()
    first, second = (make(name, max_steps=5, random_state=seed).fit(X, y) for seed in (1, 2))

    def run(init: Any) -> Any:
        return make(name, callbacks=[Checkpoint(tmp_path / "c", every=2)]).fit(X, y, init=init)

    run(first)
    run(first)
    with pytest.raises(ValueError, match="another run"):
        run(second)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
@pytest.mark.parametrize("n_classes", [2, 100])
def test_few_and_many_classes_of_very_different_sizes(name: str, data: Any, n_classes: int) -> None:
    counts = np.maximum(2, np.geomspace(40, 2, n_classes)).astype(int)
    y = np.repeat(np.arange(n_classes), counts)
    X, _ = data(len(y))
    sampler = make(name).fit(X, y)
    assert sampler.class_count_.tolist() == counts.tolist()
    labels = np.arange(n_classes)
    assert len(sampler.generate(labels, labels)) == n_classes


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor"
)  # raised by torch, which inspects all arguments
@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_network_gives_the_same_rows(name: str) -> None:
    X, y = toy_images(40, 8)
    plain, compiled = (make(name, torch_compile=flag).fit(X, y) for flag in (False, True))
    for key, tensor in weights(plain).items():
        torch.testing.assert_close(weights(compiled)[key], tensor, rtol=1e-2, atol=1e-3, msg=key)
    index = np.arange(300)
    a, b = (np.asarray(s.generate(index, index % 2), dtype=float) for s in (plain, compiled))
    assert np.abs(a - b).max() <= 2
