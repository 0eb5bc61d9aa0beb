"""Scores in batches, and mixtures over classes, against scipy."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm

from gen_augment import InputError
from gen_augment.data import LabelCodec
from gen_augment.samplers.scoring import log_prob, score_batches
from tests.conftest import small_sampler

MEANS, PRIOR = np.array([-1.0, 0.5, 3.0]), np.array([0.2, 0.5, 0.3])
X = np.random.default_rng(0).normal(size=(11, 1)) * 2


def density(x: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """A standard normal distribution around the mean of the class."""
    return torch.distributions.Normal(torch.tensor(MEANS)[codes], 1.0).log_prob(x[:, 0])


def known(**changes: Any) -> Any:
    """The interface of a fitted sampler of three classes."""
    return SimpleNamespace(
        codec_=SimpleNamespace(encode=torch.as_tensor, check_known=lambda X: None),
        label_codec_=LabelCodec.fit(["a", "b", "c"])[0],
        class_prior_=PRIOR,
        _check_fitted=lambda: None,
        **changes,
    )


@pytest.mark.parametrize("batch", [1, 4, 11, 256])
def test_labelled_rows_have_the_density_of_their_class(batch: int) -> None:
    labels = np.resize(["c", "a", "b"], 11)
    found = log_prob(known(), density, X, labels, batch=batch)
    expected = norm(MEANS[np.resize([2, 0, 1], 11)]).logpdf(X[:, 0])
    np.testing.assert_allclose(found, expected)
    alone = log_prob(known(), density, X, "b", batch=batch)
    np.testing.assert_allclose(alone, norm(0.5).logpdf(X[:, 0]))


def test_rows_without_labels_have_the_density_of_the_mixture() -> None:
    expected = np.log((norm(MEANS).pdf(X) * PRIOR).sum(axis=1))
    np.testing.assert_allclose(log_prob(known(), density, X, None, batch=4), expected)


def test_a_row_that_is_impossible_in_all_classes_has_the_density_zero() -> None:
    def impossible(x: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        return torch.full((len(x),), -torch.inf)

    assert log_prob(known(), impossible, X, None).tolist() == [-np.inf] * 11


def test_slices_cover_all_rows_once_and_in_order() -> None:
    seen: list[slice] = []

    def score(here: slice) -> torch.Tensor:
        seen.append(here)
        return torch.arange(10)[here].float()

    found = score_batches(score, 10, 4)
    assert found.tolist() == list(range(10))
    assert found.dtype == np.float64
    assert [(here.start, here.stop) for here in seen] == [(0, 4), (4, 8), (8, 12)]
    assert score_batches(score, 0, 4).shape == (0,)


def test_unknown_labels_are_named() -> None:
    with pytest.raises(InputError, match="'z'"):
        log_prob(known(), density, X, "z")


@pytest.mark.parametrize("name", ["flow", "vae", "kde"])
def test_values_that_were_not_seen_in_fit_are_named(name: str) -> None:
    rows = pd.DataFrame({"a": np.linspace(0, 1, 20), "kind": list("xy") * 10})
    sampler = small_sampler(name).fit(rows, [0, 1] * 10)
    sampler.log_prob(rows[:2])
    other, said = rows[:3].assign(kind=["x", "z", "z"]), "'kind' of X has 'z' in row 1"
    scores = [sampler.log_prob, *([sampler.class_scores] if name == "flow" else [])]
    for score in scores:
        with pytest.warns(UserWarning, match=said):
            score(other)
    if name != "kde":
        for change in (sampler.vary, sampler.encode):
            with pytest.raises(InputError, match=said):
                change(other, 0)
