"""`ConditionalVAE(latent=...)`: stored codes of training rows, and changes after fitting."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import ConditionalVAE, InputError
from gen_augment.rng import normal
from gen_augment.samplers.vae.codes import N_PICKS
from gen_augment.training import Callback, Checkpoint
from tests.conftest import toy_images, toy_table

#: Rows without a label are marked by -1, which is warned of.
pytestmark = pytest.mark.filterwarnings("ignore:y holds -1")

LATENTS = sorted(N_PICKS)
OTHERS = [latent for latent in LATENTS if latent != "prior"]
DATA = pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])


def fit(X: Any, y: Any, **params: Any) -> ConditionalVAE:
    small: dict[str, Any] = {
        "max_steps": 20,
        "batch_size": 8,
        "width": 4,
        "latent_dim": 3,
        "random_state": 0,
    }
    return ConditionalVAE(**({**small, "device": "cpu", "n_codes": 100} | params)).fit(X, y)


def rows(sampler: ConditionalVAE, **params: Any) -> np.ndarray:
    return np.asarray(
        sampler.set_params(**params).generate(np.arange(60), np.arange(60) % 2), dtype=float
    )


@DATA
def test_the_prior_decodes_the_noise_itself(data: Any) -> None:
    X, y = data()
    sampler = fit(X.astype(np.float32), y).set_params(latent="prior")
    network: Any = sampler.network_
    n_columns = 3 if X.ndim == 2 else 0
    z = torch.from_numpy(np.asarray(normal(np.arange(20), (3 + n_columns,), _table(sampler))))
    labels = torch.arange(20) % 2
    with torch.no_grad():
        out = network.decoder(z[:, :3], network.embedding(labels))
        out = out + network.noise.std() * z[:, 3:] if n_columns else out.tanh()
    np.testing.assert_allclose(
        sampler.generate(np.arange(20), labels.numpy()),
        sampler.codec_.decode(out),
        rtol=1e-4,
        atol=1e-4,
    )


def _table(sampler: ConditionalVAE) -> int:
    from gen_augment.rng import derive_seed

    return derive_seed(sampler.seed_, "noise")


@DATA
@pytest.mark.parametrize("latent", LATENTS)
def test_saved_and_pickled_samplers_keep_their_codes(
    data: Any, latent: str, tmp_path: Path
) -> None:
    sampler = fit(*data(), latent=latent)
    expected = rows(sampler)
    sampler.save(tmp_path / "a")
    for other in (ConditionalVAE.load(tmp_path / "a"), pickle.loads(pickle.dumps(sampler))):
        np.testing.assert_allclose(rows(other), expected, rtol=1e-5)
        assert other.fingerprint() == sampler.fingerprint()
        for changed in [*OTHERS, latent]:
            np.testing.assert_allclose(
                rows(other, latent=changed), rows(sampler, latent=changed), rtol=1e-5
            )


@DATA
def test_latent_and_spread_can_be_changed_after_fitting(data: Any) -> None:
    sampler = fit(*data())
    made = {latent: rows(sampler, latent=latent) for latent in LATENTS}
    for latent in LATENTS:
        np.testing.assert_array_equal(rows(fit(*data(), latent=latent)), made[latent])
        assert latent == "prior" or not np.array_equal(made[latent], made["prior"])
    wide, narrow = (rows(sampler, latent="posterior", spread=spread) for spread in (1.0, 0.0))
    assert not np.array_equal(wide, narrow)
    for bad in ({"latent": "nowhere"}, {"latent": "posterior", "spread": -1.0}):
        with pytest.raises(InputError, match=next(reversed(bad))):
            sampler.set_params(**bad).sample(2)
        with pytest.raises(InputError, match=next(reversed(bad))):
            fit(*data(), **bad)


@DATA
@pytest.mark.parametrize("latent", OTHERS)
def test_a_row_depends_on_its_address_alone(data: Any, latent: str) -> None:
    X, y = data()
    sampler = fit(X.astype(np.float32), y, latent=latent)
    index = np.random.default_rng(0).permutation(300)
    whole = sampler.generate(np.arange(300), np.arange(300) % 2, seed=3)
    np.testing.assert_allclose(
        sampler.generate(index, index % 2, seed=3), whole[index], rtol=1e-4, atol=1e-3
    )
    np.testing.assert_allclose(
        sampler.generate([17], [1], seed=3)[0], whole[17], rtol=1e-4, atol=1e-3
    )


def test_without_spread_samples_are_reconstructions() -> None:
    X, y = toy_images()
    X = X.astype(np.float32)
    sampler = fit(X, y, latent="posterior", spread=0.0)
    new, _ = sampler.sample(200, y=1, random_state=0)
    seen = sampler.vary(X[y == 1], y[y == 1], strength=0)
    gap = np.abs(new[:, None] - seen[None]).reshape(200, 20, -1).max(axis=2)
    assert gap.min(axis=1).max() < 1e-2
    assert len(set(gap.argmin(axis=1))) == 20  # from every row of the class


class Interrupt(Callback):
    def on_step_end(self, sampler: Any, loop: Any) -> None:
        if loop.step == 5:
            raise KeyboardInterrupt


class Stop(Callback):
    def on_step_end(self, sampler: Any, loop: Any) -> None:
        if loop.step == 5:
            loop.stop()


def n_codes(sampler: Any) -> list[int]:
    counts: list[int] = sampler.network_.codes.count(torch.arange(len(sampler.classes_))).tolist()
    return counts


def test_codes_are_kept_in_whatever_way_training_ends() -> None:
    X, y = toy_table()
    assert n_codes(fit(X, y)) == [30, 30]
    assert n_codes(fit(X, y, n_codes=10)) == [5, 5]
    assert n_codes(fit(X, y, callbacks=[Stop()])) == [30, 30]
    sampler = ConditionalVAE(max_steps=20, width=4, device="cpu", callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        sampler.fit(X, y)
    assert n_codes(sampler) == [30, 30]


def test_during_training_samples_come_from_the_prior() -> None:
    class Look(Callback):
        def on_step_end(self, sampler: Any, loop: Any) -> None:
            seen.append((n_codes(sampler), rows(sampler, latent="posterior").std()))

        def on_fit_end(self, sampler: Any, loop: Any) -> None:
            seen.append((n_codes(sampler), 0))

    seen: list[Any] = []
    fit(*toy_table(), callbacks=[Look()], max_steps=3)
    assert [counts for counts, _ in seen] == [[0, 0]] * 3 + [[30, 30]]


def test_checkpoints_of_finished_and_unfinished_runs_give_the_same_codes(
    tmp_path: Path,
) -> None:
    X, y = toy_table()
    whole = fit(X, y, latent="mixture")
    fit(X, y, latent="mixture", callbacks=[Checkpoint(tmp_path / "c", every=7)])
    np.testing.assert_array_equal(rows(ConditionalVAE.load(tmp_path / "c")), rows(whole))
    with pytest.raises(KeyboardInterrupt):
        fit(X, y, latent="mixture", callbacks=[Checkpoint(tmp_path / "d", every=2), Interrupt()])
    again = fit(X, y, latent="mixture", callbacks=[Checkpoint(tmp_path / "d", every=7)])
    np.testing.assert_array_equal(rows(again), rows(whole))


@pytest.mark.parametrize("latent", OTHERS)
def test_tiny_classes_many_classes_and_odd_sizes(latent: str) -> None:
    X, _ = toy_images(200)
    y = np.arange(200) // 2
    sampler = fit(X[:, :10], y, latent=latent, max_steps=3, n_codes=1)
    new, labels = sampler.sample(y=dict.fromkeys(range(100), 1))
    assert new.shape == (100, 10, 12, 1)
    assert labels.tolist() == list(range(100))
    assert (
        sampler.network_.codes.count(torch.arange(100)).tolist() == [1] * 100
    )  # at least one of each class fits


def test_rows_without_a_label_have_codes_of_the_inferred_class() -> None:
    X, y = toy_table()[0], np.arange(60) % 3
    sampler = fit(np.concatenate([X, X + 50]), np.append(y, np.full(60, -1)), n_codes=200)
    assert sampler.classes_.tolist() == [0, 1, 2]
    assert n_codes(sampler) == np.bincount(sampler.transduction_, minlength=3).tolist()
    assert sum(n_codes(sampler)) == 120


def test_the_perceptual_network_is_trained_on_the_rows_and_not_saved() -> None:
    X, y = toy_images()
    plain, felt = fit(X, y), fit(X, y, perceptual=1.0)
    assert set(felt.history_) == {*plain.history_, "perceptual"}
    assert list(felt.network_.state_dict()) == list(plain.network_.state_dict())
    assert "perceptual" not in fit(*toy_table(), perceptual=1.0).history_
    with pytest.raises(InputError, match=r"perceptual=-1"):
        fit(X, y, perceptual=-1.0)


def test_samples_come_from_the_mixture_for_images_and_from_rows_for_tables() -> None:
    for data, latent in ((toy_images, "mixture"), (toy_table, "posterior")):
        sampler = fit(*data())
        np.testing.assert_array_equal(rows(sampler), rows(sampler, latent=latent))
