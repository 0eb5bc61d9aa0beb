"""Rows of a network: by address, and as variants of given rows."""

import math
import re
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from gen_augment import (
    ConditionalGAN,
    ConditionalVAE,
    InputError,
    NotFittedError,
    WorkerDeviceError,
)
from gen_augment.samplers import generation
from tests.bank.toys import assert_same_rows
from tests.conftest import FORMS, as_form, toy_images, toy_table
from tests.samplers.forms import describe
from tests.samplers.pretrained.generators import make, plain


def test_a_gpu_in_a_worker_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function has no parameters that show its device."""
    X, y = toy_images()
    sampler = make(plain).fit(X, y)
    sampler.network_.anchor = nn.Parameter(torch.empty(0, device="meta"), requires_grad=False)
    monkeypatch.setattr(generation, "get_worker_info", lambda: SimpleNamespace(id=0))
    with pytest.raises(WorkerDeviceError, match=r"PretrainedSampler is on meta.*SampleBank"):
        sampler.generate([0], [0])


def fit(X: Any, y: Any, **params: Any) -> ConditionalVAE:
    small: dict[str, Any] = {
        "max_steps": 8,
        "batch_size": 8,
        "width": 2,
        "latent_dim": 3,
        "random_state": 0,
    }
    return ConditionalVAE(**({**small, "device": "cpu"} | params)).fit(X, y)


@cache
def fitted(form: str) -> tuple[ConditionalVAE, Any, Any]:
    X, y = as_form(form)
    return fit(X, y), X, y


def reconstruct(sampler: ConditionalVAE, X: Any, y: Any) -> Any:
    """Rows decoded from the mean of their code, without `vary`."""
    network: Any = sampler.network_
    x, labels = sampler.codec_.encode(X), torch.from_numpy(sampler.label_codec_.encode(y))
    with torch.no_grad():
        condition = network.embedding(labels)
        mean, _ = network.to_code(torch.cat([network.encoder(x), condition], dim=1)).chunk(2, dim=1)
        out = network.decoder(mean, condition)
        return sampler.codec_.decode(out.tanh() if network.bounded else out)


def distance(sampler: ConditionalVAE, a: Any, b: Any) -> float:
    return float((sampler.codec_.encode(a) - sampler.codec_.encode(b)).abs().mean())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("strength", [0, 0.5, 1])
def test_the_form_is_kept(form: str, strength: float) -> None:
    sampler, X, y = fitted(form)
    new = sampler.vary(X, y, strength=strength, random_state=1)
    assert type(new) is type(X)
    assert len(new) == len(X)
    if isinstance(X, pd.DataFrame):
        assert new.dtypes.equals(X.dtypes)
        assert new.columns.equals(X.columns)
    else:
        assert describe(new[0]) == describe(X[0])
    values, seen = sampler.codec_.encode(new), sampler.codec_.encode(X)
    assert values.isfinite().all()
    assert values.min() >= seen.min() - 1e-6 or sampler.codec_.bounded
    assert not math.isclose(distance(sampler, new, X), 0)


@pytest.mark.parametrize("form", FORMS)
def test_at_0_a_row_is_its_reconstruction(form: str) -> None:
    sampler, X, y = fitted(form)
    expected = reconstruct(sampler, X, y)
    for random_state in (0, 1, None, None):
        assert_same_rows(sampler.vary(X, y, strength=0, random_state=random_state), expected)


@pytest.mark.parametrize("form", FORMS)
def test_at_1_only_the_label_is_kept(form: str) -> None:
    sampler, X, y = fitted(form)
    turned = (
        X.iloc[::-1].reset_index(drop=True)
        if isinstance(X, pd.DataFrame)
        else (X.flip(0) if isinstance(X, torch.Tensor) else X[::-1])
    )
    first = sampler.vary(X, y, strength=1, random_state=3)
    assert_same_rows(sampler.vary(turned, y, strength=1, random_state=3), first)
    label = sampler.classes_.tolist()[0]
    assert distance(sampler, sampler.vary(X, label, strength=1, random_state=3), first) > 0
    assert distance(sampler, sampler.vary(X, y, strength=1, random_state=4), first) > 0


@pytest.mark.parametrize("form", ["uint8-nhwc", "table-array"])
@pytest.mark.parametrize("latent", ["posterior", "interpolate", "mixture"])
def test_the_parameter_latent_has_no_effect(form: str, latent: str) -> None:
    """Strength 1 is the prior for any `latent`, and strength 0 is the row."""
    X, y = as_form(form)
    sampler = fit(X, y, latent=latent)
    expected = reconstruct(sampler, X, y)
    assert_same_rows(sampler.vary(X, y, strength=0, random_state=1), expected)
    away = [
        distance(sampler, sampler.vary(X, y, strength=s, random_state=1), expected)
        for s in (0, 0.01, 1)
    ]
    assert away == sorted(away)
    varied = sampler.vary(X, y, strength=1, random_state=3)
    turned = X[::-1]
    assert_same_rows(sampler.vary(turned, y, strength=1, random_state=3), varied)


@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_the_distance_grows_with_the_strength(data: Any) -> None:
    X, y = data(200)
    X = X.astype(np.float32)
    if X.ndim == 4:
        X = X / 4 + np.random.default_rng(1).uniform(0, 90, (200, 1, 1, 1)).astype(
            np.float32
        )  # bright and dark ones
    sampler = fit(X, y, max_steps=300, width=4, latent_dim=2, beta=0.01)
    whole = [sampler.vary(X, y, strength=s, random_state=0) for s in (0, 0.1, 0.3, 0.6, 1)]
    away = [np.abs(rows - whole[0]).mean() for rows in whole]
    assert away == sorted(away)
    assert away[1] < 0.5 * away[-1]
    own = [np.abs(rows - X).mean() for rows in whole]
    other = [np.abs(rows - np.roll(X, 2, axis=0)).mean() for rows in whole]  # of the same label
    assert own[0] < 0.8 * other[0]
    assert abs(own[-1] - other[-1]) < 0.1 * other[-1]


def test_an_int_repeats_rows_and_none_continues() -> None:
    X, y = toy_table()
    sampler = fit(X, y)
    first = sampler.vary(X, y, random_state=0)
    np.testing.assert_array_equal(sampler.vary(X, y, random_state=0), first)
    np.testing.assert_array_equal(sampler.vary(X, y, random_state=np.int64(0)), first)
    assert not np.allclose(sampler.vary(X, y, random_state=1), first)
    # Without a seed, each call takes the next rows of the sampler's table, which has seed 0.
    np.testing.assert_allclose(sampler.vary(X[:20], y[:20]), first[:20], rtol=1e-5)
    np.testing.assert_allclose(sampler.vary(X[20:], y[20:]), first[20:], rtol=1e-5)
    assert not np.allclose(sampler.vary(X, y), first)
    np.testing.assert_array_equal(sampler.vary(X, y, random_state=0), first)


@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_a_row_depends_on_its_position_and_not_on_the_batch(data: Any) -> None:
    X, y = data(600)
    sampler = fit(X[:40].astype(np.float32), y[:40])
    whole = sampler.vary(X.astype(np.float32), y, random_state=2)
    for n in (1, 255, 256, 257, 300):
        part = sampler.vary(X[:n].astype(np.float32), y[:n], random_state=2)
        np.testing.assert_allclose(part, whole[:n], rtol=1e-4, atol=1e-3)
    twice = sampler.vary(np.concatenate([X[:1]] * 2).astype(np.float32), [0, 0], random_state=2)
    assert not np.allclose(twice[0], twice[1])


def test_each_row_may_have_its_own_strength() -> None:
    X, y = toy_table(12)
    sampler = fit(X, y)
    strengths = np.resize([0.2, 0.8, 1.0], 12)
    mixed = sampler.vary(X, y, strength=strengths, random_state=0)
    for value in np.unique(strengths):
        alike = sampler.vary(X, y, strength=value, random_state=0)
        np.testing.assert_allclose(mixed[strengths == value], alike[strengths == value], atol=1e-5)
    with pytest.raises(InputError, match=r"neither a number nor one for each of 12 rows"):
        sampler.vary(X, y, strength=strengths[:3])


def test_the_noise_differs_from_that_of_sample() -> None:
    """`vary` and `sample` use different noise."""
    X, y = toy_images()
    sampler = fit(X, y)
    drawn = sampler.generate(np.arange(len(X)), y, seed=5)
    varied = sampler.vary(X, y, strength=1, random_state=5)
    assert (drawn != varied).reshape(len(X), -1).any(axis=1).all()


def test_the_training_mode_has_no_effect() -> None:
    X, y = toy_images()
    sampler = fit(X, y)
    expected = sampler.vary(X, y, random_state=0)
    sampler.network_.train()
    before = torch.get_rng_state()
    np.testing.assert_array_equal(sampler.vary(X, y, random_state=0), expected)
    assert sampler.network_.training
    assert torch.equal(torch.get_rng_state(), before)


def test_a_sampler_without_an_encoder_has_no_vary_and_names_the_remedy() -> None:
    X, y = toy_table()
    sampler = ConditionalGAN(
        max_steps=1, batch_size=8, width=2, latent_dim=2, random_state=0, device="cpu"
    ).fit(X, y)
    assert not hasattr(sampler, "vary")
    with pytest.raises(AttributeError, match=r"ConditionalGAN.*vary") as caught:
        sampler.vary(X, y)
    message = r"ConditionalGAN has no encoder.*ConditionalVAE.*sample\(y=y\)"
    assert re.search(message, str(caught.value.__cause__))


@pytest.mark.parametrize("strength", [-0.1, 1.1, math.nan, math.inf, True, "0.5", None, [0.5]])
def test_bad_strengths_are_named(strength: Any) -> None:
    sampler, X, y = fitted("table-array")
    with pytest.raises(InputError, match="strength="):
        sampler.vary(X, y, strength=strength)


@pytest.mark.parametrize(
    "form", ["uint8-nhwc", "normalised-tensor", "pil-grey", "table-array", "table-frame"]
)
def test_rows_of_another_form_are_refused(form: str) -> None:
    sampler, X, y = fitted(form)
    images, table = toy_images(size=16)[0], toy_table()[0]
    for bad in (
        images,
        images.astype(np.float32),
        table[:, :2],
        torch.zeros(3, 5, 12, 12),
        pd.DataFrame({"a": [1.0]}),
        3,
    ):
        with pytest.raises(InputError):
            sampler.vary(bad, y)
    with pytest.raises(InputError, match=r"X has \d+ rows and y has 1 labels"):
        sampler.vary(X, np.asarray(y)[:1].tolist())
    with pytest.raises(InputError, match="not seen in fit"):
        sampler.vary(X, "nothing")
    with pytest.raises(InputError, match="random_state='x'"):
        sampler.vary(X, y, random_state="x")  # type: ignore[arg-type]


def test_only_fitted_samplers_vary() -> None:
    with pytest.raises(NotFittedError, match="not fitted"):
        ConditionalVAE().vary(*toy_table())


def test_no_rows_give_no_rows() -> None:
    X, y = as_form("float32-nchw")
    sampler = ConditionalVAE(
        max_steps=2, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu"
    ).fit(X, y)
    varied = sampler.vary(X[:0], y[:0])
    assert varied.shape == (0, 3, 12, 12)
    assert varied.dtype == np.float32
