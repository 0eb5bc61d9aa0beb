"""Tables as a modality: what is recognised, and the inputs of classifiers."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from gen_augment.modalities import Reading, Table
from tests.samplers.test_mixed import draw_mixed


@pytest.mark.parametrize(
    "X, reading",
    [
        (pd.DataFrame({"a": [1]}), Reading.CERTAIN),
        (np.zeros((3, 4)), Reading.CERTAIN),
        (torch.zeros(3, 4), Reading.CERTAIN),
        (np.zeros((3, 4097)), Reading.POSSIBLE),
        (np.zeros((3, 4, 5)), Reading.NO),
        ("a", Reading.NO),
    ],
)
def test_recognition(X: Any, reading: Reading) -> None:
    assert Table().recognise(X) is reading


def test_options_are_json_values() -> None:
    table = Table(types={np.int64(2): "category", "a": "number"}, file={"sep": ";"})
    assert table.options() == {
        "types": [[2, "category"], ["a", "number"]],
        "file": {"sep": ";"},
    }
    assert Table().options() == {}


def test_numbers_are_standardised_for_classifiers() -> None:
    X = np.random.default_rng(0).normal(3, [1, 50, 0], size=(30, 3))
    codec, _ = Table().fit(X)
    inputs = Table().classifier_inputs(codec, X)
    assert inputs(X).dtype == torch.float64
    np.testing.assert_allclose(inputs(X).numpy(), StandardScaler().fit_transform(X), atol=1e-9)
    assert torch.equal(pickle.loads(pickle.dumps(inputs))(X), inputs(X))
    new = X[:1].copy()
    new[0, 1] = np.nan
    assert inputs(new)[0, 1] == 0  # the mean


@pytest.mark.parametrize("types", [None, {"n": "category"}])
def test_other_columns_are_encoded_for_classifiers(types: Any) -> None:
    frame = pd.DataFrame({"n": [1, 2, 3, 1] * 5, "x": np.arange(20.0)})
    if types is None:
        frame["n"] = frame["n"].astype(str)
    codec, rows = Table(types=types).fit(frame)
    assert torch.equal(Table(types=types).classifier_inputs(codec, frame)(frame), rows)


def test_declared_categories_are_no_numbers_among_the_columns() -> None:
    frame = pd.DataFrame({"n": [1, 2, 3, 1], "x": [0.5, 1.5, 2.5, 3.5]})
    codec, _ = Table(types={"n": "category"}).fit(frame)
    columns = Table().columns(codec, frame)
    assert columns["n"].dtype == object
    assert columns["x"].dtype == float


def test_digests_are_those_of_the_values() -> None:
    X = draw_mixed(10)[0]
    found = Table().digests(X)
    assert len(set(found)) == 10
    assert Table().digests(X.iloc[::-1]).tolist() == found[::-1].tolist()
    array = np.arange(6.0).reshape(3, 2)
    assert Table().digests(array).tolist() == Table().digests(torch.from_numpy(array)).tolist()
