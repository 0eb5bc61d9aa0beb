"""Copies of fitted samplers, and parameters of the network that are changed after the fit."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from gen_augment import InputError
from gen_augment.samplers import NetworkSampler
from tests.conftest import small_sampler, toy_table

X, Y = toy_table(48)


def fitted(name: str, **params: Any) -> NetworkSampler:
    sampler: NetworkSampler = small_sampler(name, **params).fit(X, Y)
    return sampler


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("flow", {"width": 8}),
        ("flow", {"student_steps": 2}),
        ("flow", {"width": -3}),
        ("vae", {"latent_dim": 8}),
        ("vae", {"n_codes": 50}),
        ("gan", {"width": 8}),
        ("paired", {"latent_dim": 2}),
    ],
)
def test_a_changed_size_of_the_network_is_named(
    name: str, change: dict[str, Any], tmp_path: Path
) -> None:
    sampler, ((param, value),) = fitted(name), change.items()
    before = getattr(sampler, param)
    sampler.set_params(**change)
    message = rf"{param} was set to {value} after the fit, .*set_params\({param}={before}\)"
    calls: dict[str, Any] = {
        "sample": lambda: sampler.sample(2),
        "save": lambda: sampler.save(tmp_path / "file"),
        "fingerprint": sampler.fingerprint,
        "deepcopy": lambda: copy.deepcopy(sampler),
        "pickle": lambda: pickle.dumps(sampler),
        "partial_fit": lambda: sampler.partial_fit(X, Y),
    }
    for call in calls.values():
        with pytest.raises(InputError, match=message):
            call()
    assert not (tmp_path / "file").exists()
    if value > 0:
        clone(sampler).fit(X, Y).sample(2)
    sampler.set_params(**{param: before})
    kept = sampler.sample(2, random_state=0)[0]
    copied = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(copied.sample(2, random_state=0)[0], kept)


def test_a_sampler_is_fitted_again_with_another_size(tmp_path: Path) -> None:
    sampler = fitted("flow").set_params(width=8).fit(X, Y)
    sampler.save(tmp_path / "file")
    for again in (type(sampler).load(tmp_path / "file", device="cpu"), copy.deepcopy(sampler)):
        again.sample(2)
        with pytest.raises(InputError, match="width was set to 4"):
            again.set_params(width=4).sample(2)


def test_several_devices_fit_again_with_another_size() -> None:
    sampler = fitted("flow").set_params(width=8, devices=2).fit(X, Y)
    assert len(sampler.sample(2)[0]) == 2


def test_other_parameters_can_be_changed(tmp_path: Path) -> None:
    sampler = fitted("flow", student_steps=2)
    sampler.set_params(
        n_steps=2, guidance=1.5, max_steps=1, student_steps=5, lr=1e-4, verbose=False, callbacks=[]
    )
    sampler.sample(2)
    sampler.save(tmp_path / "file")
    assert copy.deepcopy(sampler).student_steps == 5
    loaded = type(sampler).load(tmp_path / "file", device="cpu")
    np.testing.assert_array_equal(
        loaded.sample(2, random_state=0)[0], sampler.sample(2, random_state=0)[0]
    )
    sampler.partial_fit(X, Y)
    assert sampler.n_steps_ == 4
