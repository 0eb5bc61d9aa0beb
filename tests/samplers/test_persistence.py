"""`fingerprint`: equal for samplers with the same rows, and different for all others."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import ConditionalGAN, ConditionalVAE, NotFittedError, load_sampler
from gen_augment.samplers import SAMPLERS
from gen_augment.training import Callback
from tests.conftest import FORMS, NETWORKS, as_form, small_sampler, toy_images, toy_table


def fit(name: str = "ConditionalVAE", data: Any = None, **params: Any) -> Any:
    small = {"max_steps": 2, "width": 2, "latent_dim": 2} | params
    short = next(short for short, sampler in SAMPLERS.items() if sampler.__name__ == name)
    known = SAMPLERS[short]._get_param_names()
    sampler = small_sampler(
        short, **{word: value for word, value in small.items() if word in known}
    )
    return sampler.fit(*(data or toy_table()))


NAMES = [SAMPLERS[name].__name__ for name in NETWORKS]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_kept_by_saving_copying_and_fitting_again(name: str, data: Any, tmp_path: Path) -> None:
    sampler = fit(name, data())
    expected = sampler.fingerprint()
    assert len(expected) == 32
    assert int(expected, 16) >= 0
    sampler.save(tmp_path / "sampler")
    for same in (
        type(sampler).load(tmp_path / "sampler", device="cpu"),
        load_sampler(tmp_path / "sampler", device="auto"),
        pickle.loads(pickle.dumps(sampler)),
        copy.deepcopy(sampler),
        fit(name, data()),
    ):
        assert same.fingerprint() == expected


@pytest.mark.parametrize("form", FORMS)
def test_kept_by_saving_every_form(form: str, tmp_path: Path) -> None:
    sampler = fit(data=as_form(form))
    sampler.save(tmp_path / "sampler")
    assert load_sampler(tmp_path / "sampler", device="cpu").fingerprint() == sampler.fingerprint()


def test_parameters_without_effect_on_rows_do_not_count(image_sampler: ConditionalVAE) -> None:
    expected = fit().fingerprint()
    assert fit(verbose=True).fingerprint() == expected
    assert fit(callbacks=[Callback()]).fingerprint() == expected
    assert (
        fit(device="auto").fingerprint() == expected or torch.cuda.is_available()
    )  # weights differ in a last digit
    assert fit(random_state=np.int64(0)).fingerprint() == expected
    seed = int(np.random.RandomState(0).randint(0, 2**31))
    assert (
        fit(random_state=np.random.RandomState(0)).fingerprint()
        == fit(random_state=seed).fingerprint()
    )

    sampler = fit()
    sampler.sample(3)
    sampler.generate([5], 0)
    sampler.vary(toy_table()[0], toy_table()[1])
    sampler.history_ = {}
    sampler.network_.train()
    assert sampler.set_params(device="cuda:7", verbose=True).fingerprint() == expected


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_device_does_not_count(tmp_path: Path) -> None:
    fit(data=toy_images()).save(tmp_path / "sampler")
    on_cpu, on_gpu = (
        load_sampler(tmp_path / "sampler", device=device) for device in ("cpu", "cuda")
    )
    assert on_cpu.fingerprint() == on_gpu.fingerprint()


def test_samplers_with_other_rows_have_other_fingerprints() -> None:
    X, y = toy_table()
    nudged, reseeded = fit(), fit()
    with torch.no_grad():
        next(nudged.network_.parameters()).flatten()[0].nextafter_(torch.tensor(9.0))
    reseeded.seed_ = 1
    samplers = {
        "first": fit(),
        "nudged": nudged,
        "reseeded": reseeded,
        "seed": fit(random_state=1),
        "steps": fit(max_steps=3),
        "width": fit(width=3),
        "beta": fit(beta=0.5),
        "class": fit("ConditionalGAN"),
        "rows": fit(data=(X + 1e-3, y)),
        "dtype": fit(data=(X.astype(np.float32), y)),
        "labels": fit(data=(X, np.array(["a", "b"])[y])),
        "prior": fit(data=(X[:-1], y[:-1])),
        "images": fit(data=toy_images()),
    }
    prints = {name: sampler.fingerprint() for name, sampler in samplers.items()}
    assert len(set(prints.values())) == len(prints), prints


def test_only_fitted_samplers_have_one() -> None:
    for sampler in (ConditionalVAE(), ConditionalGAN()):
        with pytest.raises(NotFittedError, match="not fitted"):
            sampler.fingerprint()
