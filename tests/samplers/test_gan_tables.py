"""The GAN on tables: packs, the Wasserstein loss, critic steps, and rows that are told a category."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import wasserstein_distance

from gen_augment import ConditionalGAN, InputError, archive, load_sampler
from gen_augment.errors import ModeCollapseWarning
from gen_augment.modalities import DataSpec, Table
from gen_augment.training import Checkpoint
from tests.conftest import toy_images, toy_table
from tests.samplers.test_gan_training import Stop
from tests.samplers.test_mixed import check_law, draw_mixed

X, Y = draw_mixed(120)
WAYS: dict[str, dict[str, Any]] = {
    "told": {"training_by_sampling": True, "class_balance": 0.5},
    "packs": {"pac": 4, "n_critic": 2},
    "wasserstein": {"loss": "wasserstein", "pac": 2, "training_by_sampling": True},
    "spectral": {
        "loss": "wasserstein",
        "regularizer": "spectral_norm",
        "training_by_sampling": True,
        "n_critic": 2,
    },
}


def make(**params: Any) -> ConditionalGAN:
    small: dict[str, Any] = {"max_steps": 6, "batch_size": 8, "width": 4, "latent_dim": 4}
    return ConditionalGAN(random_state=0, device="cpu", **(small | params))


def same_rows(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        a.reset_index(drop=True), b.reset_index(drop=True), rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize("way", WAYS)
def test_every_way_keeps_the_promises_of_samplers(way: str, tmp_path: Path) -> None:
    sampler = make(**WAYS[way]).fit(X, Y)
    index, labels = np.arange(60), np.array(["no", "yes"] * 30)
    whole = sampler.generate(index, labels, seed=3)
    same_rows(sampler.generate(index[[50, 7]], labels[[50, 7]], seed=3), whole.iloc[[50, 7]])
    sampler.save(tmp_path / "a")
    loaded = load_sampler(tmp_path / "a", device="cpu")
    same_rows(loaded.generate(index, labels, seed=3), whole)
    assert loaded.fingerprint() == sampler.fingerprint()
    assert (sampler.sample(20, where={"kind": "b"})[0]["kind"] == "b").all()
    assert ("condition_loss" in sampler.history_) == bool(WAYS[way].get("training_by_sampling"))

    started = make(**WAYS[way]).fit(X, np.where(np.arange(120) < 30, "new", Y), init=sampler)
    assert started.sample(3, y="new")[1].tolist() == ["new"] * 3
    more = sampler.partial_fit(X.iloc[:40], np.full(40, "maybe"))
    assert more.sample(y={"maybe": 2, "no": 1})[0].dtypes.equals(X.dtypes)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_takes_rows_without_a_label_or_without_categories(way: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="y holds -1")
        rows, labels = make(**WAYS[way]).fit(X, np.arange(120) % 3 - 1).sample(30)
    assert set(labels) == {0, 1}
    assert len(rows) == 30
    assert make(**WAYS[way]).fit(*toy_table()).sample(5)[0].shape == (5, 3)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_resumes_exactly(way: str, tmp_path: Path) -> None:
    params = WAYS[way] | {"max_steps": 30}
    undisturbed = make(**params).fit(X, Y)
    with pytest.raises(KeyboardInterrupt):
        make(**params, callbacks=[Checkpoint(tmp_path / "c", every=10), Stop(17)]).fit(X, Y)
    resumed = make(**params, callbacks=[Checkpoint(tmp_path / "c", every=10)]).fit(X, Y)
    for name, tensor in undisturbed.network_.state_dict().items():
        assert torch.equal(tensor, resumed.network_.state_dict()[name]), name


@pytest.mark.parametrize("way", ["told", "packs"])
def test_a_score_does_not_depend_on_the_rows_beside_it(way: str) -> None:
    sampler = make(**WAYS[way]).fit(X, Y)
    scores = sampler.discriminate(X, Y)
    here = [77, 3, 50]
    assert scores.std() > 0
    np.testing.assert_allclose(
        sampler.discriminate(X.iloc[here], Y.iloc[here]), scores[here], rtol=1e-4, atol=1e-5
    )


def test_a_critic_has_no_log_odds() -> None:
    sampler = make(loss="wasserstein").fit(*toy_table())
    with pytest.raises(InputError, match="loss='wasserstein' gives scores that are no log-odds"):
        sampler.discriminate(*toy_table())


@pytest.mark.parametrize(
    "params, message",
    [
        (
            {"loss": "wasserstein", "regularizer": "r1"},
            "regularizer='r1' does not give: take 'gradient_penalty'",
        ),
        ({"loss": "mse"}, "loss='mse' is not one of"),
        ({"regularizer": "weight_clipping"}, "regularizer='weight_clipping' is not one of"),
        ({"pac": 3}, "batch_size=8 is no multiple of pac=3"),
        ({"pac": 0}, "pac=0 is not a whole number"),
        ({"n_critic": 1.5}, "n_critic=1.5 is not a whole number"),
        ({"training_by_sampling": "often"}, "training_by_sampling='often' is not one of"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**params).fit(*toy_table())


def test_packs_are_for_tables_and_nothing_is_lost() -> None:
    sampler = make().fit(*toy_table())
    expected = sampler.generate([0, 1], [0, 1])
    with pytest.raises(InputError, match="pac=2 needs flat rows, and image rows have shape"):
        sampler.set_params(pac=2).fit(*toy_images())
    np.testing.assert_array_equal(sampler.set_params(pac=1).generate([0, 1], [0, 1]), expected)


@pytest.mark.parametrize(
    "loss, regularizer, n_critic",
    [("non_saturating", "r1", 1), ("hinge", "r1", 1), ("wasserstein", "gradient_penalty", 5)],
)
def test_what_is_left_open_goes_with_the_loss(loss: Any, regularizer: str, n_critic: int) -> None:
    rules = make(loss=loss)._rules(DataSpec(Table(), (3,), 2))
    assert (rules.regularizer, rules.n_critic) == (regularizer, n_critic)
    chosen = make(loss=loss, regularizer="spectral_norm", n_critic=2)._rules(
        DataSpec(Table(), (3,), 2)
    )
    assert (chosen.regularizer, chosen.n_critic) == ("spectral_norm", 2)


@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_archives_from_before_these_parameters_are_read(data: Any, tmp_path: Path) -> None:
    sampler = make(regularizer="r1", n_critic=1).fit(*data())
    sampler.save(tmp_path / "now")
    header, tensors = archive.read(tmp_path / "now")
    for name in ("pac", "n_critic", "training_by_sampling"):
        del header["params"][name]
    archive.write(tmp_path / "before", {k: v for k, v in header.items() if k != "format"}, tensors)
    loaded = load_sampler(tmp_path / "before", device="cpu")
    np.testing.assert_array_equal(loaded.generate([0, 9], [0, 1]), sampler.generate([0, 9], [0, 1]))
    assert loaded.fingerprint() == sampler.fingerprint()
    assert loaded.get_params()["pac"] == 1


def test_a_critic_finds_the_wasserstein_distance() -> None:
    """Of a generator that does not learn, as SciPy does: one class lies below its rows, the other above."""
    y = np.arange(1000) % 2
    X = (np.random.default_rng(0).normal(size=1000) + 3 * y)[:, None]
    params: dict[str, Any] = {"loss": "wasserstein", "n_critic": 1, "lr": 1e-12, "max_steps": 400}
    with pytest.warns(ModeCollapseWarning):
        sampler = ConditionalGAN(random_state=0, device="cpu", **params).fit(X, y)
    codec = sampler.codec_
    made = [
        codec.encode(sampler.sample(4000, y=label, random_state=0)[0])[:, 0] for label in (0, 1)
    ]
    real = codec.encode(X)[:, 0]
    expected = np.mean([wasserstein_distance(real[y == label], made[label]) for label in (0, 1)])
    assert expected > 0.5
    assert sampler.history_["discriminator_loss"][-1] == pytest.approx(-expected, abs=0.05)


@pytest.mark.slow
def test_the_joint_law_is_learned_whatever_training_saw() -> None:
    sampler = ConditionalGAN(max_steps=500, training_by_sampling=True, random_state=0, device="cpu")
    check_law(sampler.fit(*draw_mixed(3000)), share=0.08, mean=0.7, missing=0.2)
