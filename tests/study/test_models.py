"""Classifiers: what counts as one, how it is loaded, and how it is described."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from torch import nn

from gen_augment.errors import InputError
from gen_augment.modalities import Image, Table
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.study.models import (
    default_steps,
    describe_model,
    is_network_factory,
    load_model,
)
from tests.study.toys import (
    centred_images,
    make_study,
    rows_of,
)
from tests.study.trained import table, train

# What counts as a classifier


@pytest.mark.parametrize(
    "model, expected",
    [
        (LogisticRegression(), False),
        (make_pipeline(StandardScaler(), RandomForestClassifier()), False),
        (lambda: nn.Linear(2, 2), True),
        (nn.Identity, True),
    ],
)
def test_is_network_factory(model: Any, expected: bool) -> None:
    assert is_network_factory(model) is expected


@pytest.mark.parametrize(
    "model", [nn.Linear(2, 2), LinearSVC(), SVC(), LogisticRegression, LinearSVC, "svm", None]
)
def test_what_is_neither_estimator_nor_factory_is_refused(model: Any) -> None:
    with pytest.raises(
        InputError, match=r"neither an instance of a scikit-learn classifier with predict_proba nor"
    ):
        is_network_factory(model)


def test_default_models_can_be_trained() -> None:
    X, y = centred_images(20)
    network = Image().classifier(rows_of(X, y).spec)
    assert isinstance(network(), SmallCNN)
    assert train(network, rows_of(X, y))(X).shape == (20, 2)
    forest = Table().classifier(table().spec)
    assert isinstance(forest, RandomForestClassifier)


def test_steps_grow_with_the_training_rows_unless_given() -> None:
    assert default_steps(100) == 1000
    assert default_steps(800) == 2000
    assert default_steps(60_000) == 8400
    X, y = centred_images(200)
    made = partial(
        make_study,
        X,
        y,
        arms=["real"],
        samplers={},
        n_seeds=1,
        per_class=60,
        validation_size=1 / 6,
        device="cpu",
    )
    assert made().check().training.n_steps == default_steps(100)
    assert made(n_steps=3).run().protocol["n_steps"] == 3


def test_load_model_by_dotted_name() -> None:
    assert isinstance(load_model("sklearn.linear_model.LogisticRegression"), LogisticRegression)


def test_load_model_from_file(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("from torch import nn\ndef make():\n    return nn.Linear(3, 2)\n")
    factory = load_model(f"{file}:make")
    assert factory().in_features == 3
    assert factory() is not factory()


@pytest.mark.parametrize(
    "name",
    [
        "sklearn.svm.NoSuchThing",
        "no_such_module.Net",
        "LogisticRegression",
        "sklearn.pipeline.Pipeline",
        "missing.py:f",
        "net.txt:make",
    ],
)
def test_load_model_refuses(name: str) -> None:
    with pytest.raises(InputError, match=f"model {name!r} cannot be loaded"):
        load_model(name)


def test_load_model_without_that_function(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("")
    with pytest.raises(InputError, match="no attribute 'make'"):
        load_model(f"{tmp_path / 'net.py'}:make")


def test_description_tells_models_apart() -> None:
    models: list[Any] = [
        LogisticRegression(),
        LogisticRegression(C=2.0),
        lambda: nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2)),
        lambda: nn.Sequential(nn.Linear(2, 9), nn.ReLU(), nn.Linear(9, 2)),
        lambda: nn.Linear(2, 2),
    ]
    records = [describe_model(model)[1] for model in models]
    assert len(set(records)) == len(models)
    assert records == [describe_model(model)[1] for model in models]
    assert describe_model(models[2])[0] == "network Sequential"
    assert describe_model(models[1])[0] == "LogisticRegression(C=2.0)"


def test_description_does_not_hold_addresses() -> None:
    class Plain(BaseEstimator, ClassifierMixin):
        def __init__(self, helper: Any = None) -> None:
            self.helper = helper

        def fit(self, X: Any, y: Any) -> Any: ...

        def predict_proba(self, X: Any) -> Any: ...

    assert describe_model(Plain(object()))[1] == describe_model(Plain(object()))[1]


def test_describing_a_network_leaves_the_global_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    describe_model(lambda: nn.Linear(2, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_factory_of_something_else_is_refused() -> None:
    with pytest.raises(InputError, match="gave a LogisticRegression"):
        describe_model(lambda: LogisticRegression())


# scikit-learn estimators


# Networks
