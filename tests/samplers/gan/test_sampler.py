"""`ConditionalGAN`: its samples, archives and scores."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment import ConditionalGAN, InputError, load_sampler
from gen_augment.training import Checkpoint
from tests.conftest import toy_images, toy_table
from tests.samplers.gan.test_training import Stop
from tests.samplers.mixture import check_mixture, draw_mixture
from tests.samplers.test_mixed import draw_mixed

X, Y = draw_mixed(120)


def make(**params: Any) -> ConditionalGAN:
    small: dict[str, Any] = {"max_steps": 6, "batch_size": 8, "width": 4, "latent_dim": 4}
    return ConditionalGAN(random_state=0, device="cpu", **(small | params))


def test_samples_come_from_the_average() -> None:
    X, y = toy_images()
    sampler = ConditionalGAN(
        ema_decay=0.0, max_steps=5, batch_size=8, width=4, random_state=0, device="cpu"
    ).fit(X, y)
    network = sampler.network_
    z, labels = torch.randn(4, sampler.latent_dim), torch.tensor([0, 1, 0, 1])
    with torch.no_grad():
        torch.testing.assert_close(network.ema(z, labels), network.generator.eval()(z, labels))
        slow = ConditionalGAN(
            ema_decay=0.999, max_steps=5, batch_size=8, width=4, random_state=0, device="cpu"
        ).fit(X, y)
        assert not torch.allclose(slow.network_.ema(z, labels), network.ema(z, labels))


@pytest.mark.slow
def test_recovers_each_class_of_a_known_mixture() -> None:
    X, y = draw_mixture()
    sampler = ConditionalGAN(max_steps=2000, random_state=0, device="cpu").fit(X, y)
    check_mixture(sampler, mean=0.25, covariance=0.35)


def same_rows(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        a.reset_index(drop=True), b.reset_index(drop=True), rtol=1e-4, atol=1e-3
    )


def test_rows_of_a_mixed_table_by_address_archive_condition_and_class(tmp_path: Path) -> None:
    sampler = make().fit(X, Y)
    index, labels = np.arange(60), np.array(["no", "yes"] * 30)
    whole = sampler.generate(index, labels, seed=3)
    same_rows(sampler.generate(index[[50, 7]], labels[[50, 7]], seed=3), whole.iloc[[50, 7]])
    sampler.save(tmp_path / "a")
    loaded = load_sampler(tmp_path / "a", device="cpu")
    same_rows(loaded.generate(index, labels, seed=3), whole)
    assert loaded.fingerprint() == sampler.fingerprint()
    assert (sampler.sample(20, where={"kind": "b"})[0]["kind"] == "b").all()

    started = make().fit(X, np.where(np.arange(120) < 30, "new", Y), init=sampler)
    assert started.sample(3, y="new")[1].tolist() == ["new"] * 3
    more = sampler.partial_fit(X.iloc[:40], np.full(40, "maybe"))
    assert more.sample(y={"maybe": 2, "no": 1})[0].dtypes.equals(X.dtypes)


@pytest.mark.filterwarnings("ignore:y holds -1")
def test_rows_without_a_label_and_tables_without_categories() -> None:
    rows, labels = make().fit(X, np.arange(120) % 3 - 1).sample(30)
    assert set(labels) == {0, 1}
    assert len(rows) == 30
    assert make().fit(*toy_table()).sample(5)[0].shape == (5, 3)


def test_a_run_on_a_mixed_table_resumes_exactly(tmp_path: Path) -> None:
    undisturbed = make(max_steps=30).fit(X, Y)
    checkpoint = Checkpoint(tmp_path / "c", every=10)
    with pytest.raises(KeyboardInterrupt):
        make(max_steps=30, callbacks=[checkpoint, Stop(17)]).fit(X, Y)
    resumed = make(max_steps=30, callbacks=[Checkpoint(tmp_path / "c", every=10)]).fit(X, Y)
    for name, tensor in undisturbed.network_.state_dict().items():
        assert torch.equal(tensor, resumed.network_.state_dict()[name]), name


def test_a_score_does_not_depend_on_the_other_rows() -> None:
    sampler = make().fit(X, Y)
    scores = sampler.discriminate(X, Y)
    here = [77, 3, 50]
    assert scores.std() > 0
    np.testing.assert_allclose(
        sampler.discriminate(X.iloc[here], Y.iloc[here]), scores[here], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("latent_dim", 0, "latent_dim=0 is not a whole number"),
        ("r1_gamma", -1.0, "r1_gamma=-1"),
        ("discriminator_lr", 0.0, "discriminator_lr=0"),
        ("ema_decay", 1, r"ema_decay=1 is not a number in \[0, 1\)"),
    ],
)
def test_bad_parameters_are_named(name: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**{name: value}).fit(*toy_table())
