"""Errors of `PretrainedSampler` name the value, the place and the remedy."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gen_augment import ArchiveError, InputError, NotFittedError
from tests.conftest import toy_images
from tests.samplers.pretrained.generators import Affine, make, plain

#: Rows without a label are marked by -1, which is warned of.
pytestmark = pytest.mark.filterwarnings("ignore:y holds -1")


def test_unsupported_calls_name_the_remedy(tmp_path: Path) -> None:
    X, y = toy_images()
    sampler = make()
    for use in (lambda: sampler.sample(2), sampler.fingerprint, lambda: sampler.generate([0], [0])):
        with pytest.raises(NotFittedError, match="not fitted"):
            use()
    sampler.fit(X, y)
    with pytest.raises(
        ArchiveError, match=r"PretrainedSampler.*its generator is code.*SampleBank\.build"
    ):
        sampler.save(tmp_path / "x")
    assert not hasattr(sampler, "partial_fit")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "generator, message",
    [
        (
            Affine(channels=3),
            r"Affine gives images of \(C, H, W\) = \(3, 12, 12\), and those of X have \(1, 12, 12\)",
        ),
        (Affine(n_classes=1), r"Affine fails .*class numbers \[0, 1\].*IndexError.*class_map"),
        (lambda z, y: plain(z, y) * torch.nan, r"NaN or infinity in 2 of 2 rows"),
        (lambda z, y: plain(z, y) / 0.0, r"NaN or infinity"),
        (lambda z, y: (plain(z, y) * 100).to(torch.uint8), r"returns torch\.uint8: return float"),
        (lambda z, y: plain(z, y).numpy(), r"returns a ndarray"),
        (lambda z, y: (plain(z, y),), r"returns a tuple"),
        (lambda z, y: plain(z, y)[:1], r"shape \(1, 1, 12, 12\) for 2 rows"),
        (lambda z, y: plain(z, y)[:, 0], r"shape \(2, 12, 12\) for 2 rows"),
        (lambda z, y: plain(z, y).repeat(1, 4, 1, 1), r"shape \(2, 4, 12, 12\)"),
        (lambda z, y: (plain(z, y) + 1) * 127.5, r"far outside value_range=\(-1, 1\)"),
        (lambda z: z, r"TypeError.*latent_shape"),
        (nn.Linear(5, 3).forward, r"TypeError"),
        (5, r"generator=5 is not callable"),
        (Affine, r"not callable as generator"),
    ],
    ids=lambda value: None,
)
def test_generators_that_do_not_match_the_data_are_refused(generator: Any, message: str) -> None:
    X, y = toy_images()
    state = torch.get_rng_state(), random.getstate()
    with pytest.raises(InputError, match=message):
        make(generator).fit(X, y)
    assert torch.equal(torch.get_rng_state(), state[0])


@pytest.mark.parametrize(
    "params, message",
    [
        ({"latent_shape": 4}, "latent_shape=4"),
        ({"latent_shape": ()}, "latent_shape"),
        ({"latent_shape": (0,)}, "latent_shape=0"),
        ({"latent_shape": (5,)}, "Affine fails for z of shape"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"value_range": (1, -1)}, "value_range"),
        ({"value_range": (0, 1, 2)}, "value_range"),
        ({"class_map": {0: 0}}, r"no entry for \[1\]"),
        ({"class_map": {0: 0, 1: "dog"}}, r"class_map\[1\]='dog'"),
        ({"class_map": {0: 0, 1: -1}}, r"class_map\[1\]=-1"),
        ({"class_map": [0, 1]}, "class_map"),
        ({"class_map": {0: 0, 1: 2}}, r"class numbers \[0, 2\]"),
        ({"resize": "yes"}, "resize='yes'"),
        ({"vary_with": 3}, "vary_with=3"),
        ({"name": 3}, "name=3"),
        ({"random_state": "x"}, "random_state='x'"),
        ({"device": "abacus"}, "device='abacus'"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(params: dict[str, Any], message: str) -> None:
    X, y = toy_images()
    with pytest.raises(InputError, match=message):
        make(**params).fit(X, y)


def test_bad_data_is_refused_and_the_fit_is_kept() -> None:
    X, y = toy_images()
    sampler = make().fit(X, y)
    expected = sampler.generate([0, 1], [0, 1])
    table = np.zeros((40, 3))
    for bad_X, bad_y, message in (
        (table, y, "X holds table rows"),
        (X, y[:-1], "40 rows and y has 39"),
        (X, None, "y is None"),
        (X, np.arange(40) % 3, r"class numbers \[0, 2\]"),
        (X[:, :8], y, r"\(1, 12, 12\), and those of X have \(1, 8, 12\)"),
    ):
        with pytest.raises(InputError, match=message):
            sampler.fit(bad_X, bad_y)
        np.testing.assert_array_equal(sampler.generate([0, 1], [0, 1]), expected)
    with pytest.raises(InputError, match="label 5 was not seen in fit"):
        sampler.generate([0], [5])
    assert sampler.fit(X[:2], ["a", "b"]).sample(y={"b": 2})[1] == ["b", "b"]


def test_rows_without_a_label_count_for_no_class() -> None:
    X, _ = toy_images()
    with pytest.warns(UserWarning, match="rows with -1 are taken as rows without a label"):
        sampler = make(Affine(n_classes=3)).fit(X, np.arange(40) % 4 - 1)
    assert sampler.classes_.tolist() == [0, 1, 2]
    np.testing.assert_allclose(sampler.class_prior_, [1 / 3] * 3)
