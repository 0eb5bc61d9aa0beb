"""The base of all samplers without a network."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import (
    BootstrapSampler,
    InputError,
    KDESampler,
    SMOTESampler,
    load_sampler,
)
from gen_augment.modalities import Table
from gen_augment.samplers import SAMPLERS
from tests.conftest import CLASSICAL, toy_table


@pytest.mark.parametrize("params", [{"k_neighbors": 0}, {"bandwidth": -1}, {"n_components": 2.5}])
def test_bad_parameters_are_named(params: dict[str, Any]) -> None:
    cls = next(c for c in map(SAMPLERS.get, CLASSICAL) if set(params) <= set(c._get_param_names()))
    with pytest.raises(InputError, match=next(iter(params))):
        cls(**params).fit(*toy_table())


@pytest.mark.parametrize("make", [SMOTESampler, KDESampler], ids=["smote", "kde"])
@pytest.mark.parametrize("key", [0, np.int64(0), "0", "pairs"], ids=repr)
def test_column_types_are_saved_for_any_column_name(make: Any, key: Any, tmp_path: Path) -> None:
    X = pd.DataFrame(
        {0: [1.0, 5, 9, 5] * 5, "0": np.arange(20.0) % 3, "pairs": np.arange(20.0) % 3}
    )
    types = {key: "category", **({} if isinstance(key, str) else {"0": "category"})}
    sampler = make(modality=Table(types), random_state=0).fit(X, [0, 1] * 10)
    sampler.save(tmp_path / "a")
    loaded = load_sampler(tmp_path / "a")
    assert loaded.modality == Table(types)
    assert loaded.fingerprint() == sampler.fingerprint()
    for again in (loaded, loaded.fit(X, [0, 1] * 10)):
        assert set(again.sample(200)[0][key]) <= set(X[key])


def test_bad_rows_are_named_by_their_place_in_X() -> None:
    X = np.arange(24.0).reshape(12, 2)
    X[2, 1] = np.inf  # second of its class
    with pytest.raises(InputError, match="row 2"):
        BootstrapSampler().fit(X, np.arange(12) % 2)
