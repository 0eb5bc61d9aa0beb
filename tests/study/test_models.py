"""Classifiers: what counts as one, and that all arms of a seed are trained alike."""

import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from torch import nn

from gen_augment.data import Rows
from gen_augment.errors import DivergedError, InputError
from gen_augment.modalities import Image, Table
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.study import Training
from gen_augment.study.arms import Pool, make_pool, parse_arm
from gen_augment.study.fitting import fit_predict
from gen_augment.study.models import (
    default_steps,
    describe_model,
    is_network_factory,
    load_model,
)
from gen_augment.study.parts import Parts
from tests.study.toys import (
    Copies,
    Log,
    Recorder,
    brightness,
    centred_images,
    gaussians,
    make_study,
    rows_of,
    training_records,
)


def train(
    model: Any,
    pool: Rows,
    *,
    real: Rows | None = None,
    arm: str = "real",
    seed: int = 0,
    **changes: Any,
) -> Any:
    """What `fit_predict` gives for two classes and a short training."""
    settings: dict[str, Any] = {
        "n_steps": 5,
        "batch_size": 8,
        "lr": 1e-2,
        "device": "cpu",
    } | changes
    return fit_predict(
        model, parse_arm(arm, {}), Pool(pool), real or pool, seed, Training(**settings)
    )


def table(n: int = 60, seed: int = 0) -> Rows:
    return rows_of(*gaussians(n, seed=seed))


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


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (3, 10, 17)])
def test_small_cnn_takes_any_shape(shape: tuple[int, int, int]) -> None:
    assert SmallCNN(shape, 7)(torch.zeros(2, *shape)).shape == (2, 7)


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


class Seen(BaseEstimator, ClassifierMixin):
    """Keeps what it was given."""

    log = Log()

    def fit(self, X: Any, y: Any) -> Any:
        self.classes_ = np.unique(y)
        self.log.append(X)
        return self

    def predict_proba(self, X: Any) -> Any:
        self.log.append(X)
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def test_rows_are_scaled_by_the_real_training_rows() -> None:
    real, other = table(40, seed=0), table(40, seed=1)
    X = np.concatenate([real.X, other.X * 3])
    Seen.log.clear()
    train(Seen(), rows_of(X, np.tile(real.codes, 2)), real=real)(other.X)
    scaler = StandardScaler().fit(real.X)
    np.testing.assert_allclose(Seen.log[0], scaler.transform(X), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(Seen.log[1], scaler.transform(other.X), rtol=1e-4, atol=1e-5)


def test_estimator_gives_scikit_learn_s_probabilities() -> None:
    part, new = table(), table(seed=1)
    found = train(LogisticRegression(), part)(new.X)
    by_hand = make_pipeline(StandardScaler(), LogisticRegression()).fit(part.X, part.codes)
    np.testing.assert_allclose(found, by_hand.predict_proba(new.X), atol=1e-5)


def test_images_are_flattened_for_an_estimator() -> None:
    X, y = centred_images(20)
    Seen.log.clear()
    train(Seen(), rows_of(X, y))
    np.testing.assert_allclose(Seen.log[0], X.reshape(20, -1) / 127.5 - 1, atol=1e-6)


def test_class_that_the_pool_lacks_has_probability_zero() -> None:
    X, _ = gaussians(10)
    found = train(DummyClassifier(), rows_of(X, np.ones(10, int)))(X)
    np.testing.assert_array_equal(found, np.tile([0.0, 1.0], (10, 1)))


def test_user_s_estimator_is_left_alone() -> None:
    model = RandomForestClassifier(3)
    train(model, table())
    assert not hasattr(model, "estimators_")
    assert model.random_state is None


@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier(3), make_pipeline(StandardScaler(), RandomForestClassifier(3))],
    ids=["bare", "nested"],
)
def test_seed_decides_a_random_estimator(model: Any) -> None:
    part, new = table(), table(seed=1).X
    before = np.random.get_state()[1].tolist()
    found = [train(model, part, seed=seed)(new) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert np.random.get_state()[1].tolist() == before


# Networks


def test_network_of_a_seed_starts_equal_whatever_the_arm() -> None:
    X, y = centred_images(40)
    log = Log()
    for seed in (0, 1):
        for arm, n in (("real", 40), ("flip+mixup", 40), ("shift", 30)):
            train(lambda: Recorder(144, log), rows_of(X[:n], y[:n]), arm=arm, seed=seed)
    initial = [record["initial"] for record in log]
    assert all(torch.equal(weights, initial[0]) for weights in initial[:3])
    assert all(torch.equal(weights, initial[3]) for weights in initial[3:])
    assert not torch.equal(initial[0], initial[3])


def test_network_takes_exactly_n_steps_of_batch_size() -> None:
    X, y = centred_images(10)
    log = Log()
    for n in (10, 6):  # batches larger than the data span epochs
        train(lambda: Recorder(144, log), rows_of(X[:n], y[:n]), n_steps=7, batch_size=8)
    assert [[len(batch) for batch in record["batches"]] for record in log] == [[8] * 7] * 2


def test_arms_with_the_same_rows_see_them_in_the_same_order() -> None:
    X, y = centred_images(40)
    log = Log()
    for arm in ("real", "shift", "flip", "shift+flip"):
        train(lambda: Recorder(144, log), rows_of(X, y), arm=arm, n_steps=12)
    orders = [torch.cat([brightness(batch) for batch in record["batches"]]) for record in log]
    images = [torch.cat(record["batches"]) for record in log]
    for order, changed in zip(orders[1:], images[1:], strict=True):
        torch.testing.assert_close(order, orders[0], rtol=0, atol=1e-2)
        assert not torch.equal(changed, images[0])
    epoch = orders[0][:40]
    assert len(epoch.unique()) == 40  # each row once before any comes again


def test_transforms_do_not_depend_on_what_the_network_drew() -> None:
    X, y = centred_images(40)
    log = Log()

    def greedy() -> nn.Module:
        network = Recorder(144, log)
        torch.rand(99)
        return network

    for factory in (lambda: Recorder(144, log), greedy):
        train(factory, rows_of(X, y), arm="shift+mixup")
    torch.testing.assert_close(log[0]["batches"], log[1]["batches"], rtol=0, atol=0)


def test_network_learns_and_gives_probabilities() -> None:
    part, new = table(200), table(100, seed=1)
    predict = train(lambda: nn.Linear(2, 2), part, n_steps=100, batch_size=32, lr=0.1)
    probabilities = predict(new.X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == new.codes).mean() > 0.8
    np.testing.assert_array_equal(predict(new.X), probabilities)
    # Far away, the side decides.
    np.testing.assert_array_equal(predict(np.array([[-30.0, 0], [30.0, 0]])).round(2), np.eye(2))


def test_network_predicts_in_evaluation_mode_and_in_any_batch() -> None:
    X, y = centred_images(600)
    predict = train(lambda: SmallCNN((1, 12, 12), 2), rows_of(X, y), n_steps=2)
    whole = predict(X)
    np.testing.assert_allclose(predict(X[550:]), whole[550:], atol=1e-6)


def test_mixed_precision_trains_in_16_bits_and_predicts_in_32() -> None:
    X, y = centred_images(40)
    seen: dict[bool, set[torch.dtype]] = {True: set(), False: set()}

    class Watched(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits = super().forward(x.flatten(1))
            seen[self.training].add(logits.dtype)
            return logits

    probabilities = {}
    for precision, trained_in in (("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)):
        predict = train(lambda: Watched(144, 2), rows_of(X, y), n_steps=60, precision=precision)
        probabilities[precision] = predict(X)
        assert seen == {True: {trained_in}, False: {torch.float32}}
        seen = {True: set(), False: set()}
    full, mixed = probabilities.values()
    assert not np.array_equal(full, mixed)
    np.testing.assert_allclose(mixed, full, atol=0.05)  # bfloat16 has 8 bits


def test_pooling_before_the_relu_is_the_same_function() -> None:
    torch.manual_seed(0)
    network = SmallCNN((1, 12, 12), 3).train()
    x = torch.randn(8, 1, 12, 12)
    conv1, norm1, _, _, conv2, norm2, _, _, *head = network
    head[3].p = 0.0  # drop-out
    other = nn.Sequential(
        conv1, norm1, nn.ReLU(), nn.MaxPool2d(2), conv2, norm2, nn.ReLU(), nn.MaxPool2d(2), *head
    )  # fmt: skip
    results = []
    for net in (network, other):
        net.zero_grad()
        logits = net(x)
        logits.logsumexp(dim=1).sum().backward()
        results.append(
            [logits.detach(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)]
        )
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_training_leaves_every_global_generator_as_it_was() -> None:
    X, y = centred_images(20)
    before = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())
    train(lambda: SmallCNN((1, 12, 12), 2), rows_of(X, y), arm="shift+flip+mixup")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert random.getstate() == before[2]


def test_seed_decides_a_network_with_drop_out_and_transforms() -> None:
    X, y = centred_images(20)
    found = [
        train(lambda: SmallCNN((1, 12, 12), 2), rows_of(X, y), arm="shift+mixup", seed=seed)(X)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_diverged_network_is_an_error_and_not_a_score() -> None:
    with pytest.raises(DivergedError, match="lower lr") as caught:
        train(lambda: nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 2)), table(), lr=1e30, n_steps=8)
    assert caught.value.loss == "cross_entropy"


def test_pool_of_a_sampler_trains_for_as_many_steps_as_real_rows() -> None:
    X, y = centred_images(40)
    part, log = rows_of(X, y), Log()
    split = Parts(part, part, rows_of(255 - X, y))
    pool = make_pool(parse_arm("mine", {"mine": Copies()}), split, 0, lambda: 0.0)
    for rows in (part, pool.rows):
        train(lambda: Recorder(144, log), rows, real=part, n_steps=6)
    assert [len(record["batches"]) for record in training_records(log)] == [6, 6]
    torch.testing.assert_close(log[0]["initial"], log[1]["initial"], rtol=0, atol=0)


def test_mixed_rows_come_through_their_codec() -> None:
    X, y = gaussians(60)
    frame = pd.DataFrame(
        {"x": X[:, 0], "city": np.array(["Rome", "Oslo"])[y], "z": np.where(y == 0, np.nan, 1.0)}
    )
    predict = train(LogisticRegression(), rows_of(frame, y))
    assert (predict(frame).argmax(axis=1) == y).all()


def test_a_pipeline_gets_the_frame_as_it_is() -> None:
    X, y = gaussians(60)
    frame = pd.DataFrame({"x": X[:, 0], "city": np.array(["Rome", "Oslo"])[y]})
    columns = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["x"]))
    predict = train(make_pipeline(columns, LogisticRegression()), rows_of(frame, y))
    by_hand = make_pipeline(columns, LogisticRegression()).fit(frame, y)
    np.testing.assert_allclose(predict(frame), by_hand.predict_proba(frame))


def test_value_that_is_missing_outside_the_training_part_is_its_mean() -> None:
    part = table()
    X = part.X[:2].copy()
    X[0, 1] = np.nan
    mean = X.copy()
    mean[0, 1] = part.X[:, 1].mean()
    for model in (LogisticRegression(), lambda: nn.Linear(2, 2)):
        predict = train(model, part)
        np.testing.assert_allclose(predict(X), predict(mean), rtol=1e-5)


def test_a_constant_has_no_spread_but_rounding() -> None:
    part = table()
    X = np.column_stack([part.X, np.full(len(part), 0.1)])
    Seen.log.clear()
    train(Seen(), rows_of(X, part.codes))(X + 0.1)
    assert np.abs(Seen.log[-1]).max() < 10


def test_numbers_of_a_skewed_frame_are_standardised_and_no_more() -> None:
    rng = np.random.default_rng(0)
    X, y = np.exp(rng.normal(size=(80, 2)) * 2), np.arange(80) % 2
    Seen.log.clear()
    train(Seen(), rows_of(pd.DataFrame(X, columns=["a", "b"]), y))
    np.testing.assert_allclose(Seen.log[0], StandardScaler().fit_transform(X), rtol=1e-4, atol=1e-5)


def test_confident_probabilities_keep_their_ranks() -> None:
    """As scikit-learn gives them in 64 bits; in 32, those near 0 and 1 are tied."""
    X, y = load_breast_cancer(return_X_y=True)
    y = np.where(np.random.default_rng(0).random(len(y)) < 0.03, 1 - y, y)
    study = make_study(
        X, y, model=GaussianNB(), arms=["real"], metric="average_precision", n_seeds=2
    )
    found = study.run().scores()["real"]
    for seed in range(2):
        split, scale = study.check().task.split(study.check().seed(seed)), StandardScaler()
        model = GaussianNB().fit(scale.fit_transform(split.train.X), split.train.codes)
        expected = average_precision_score(
            study.check().task.truth(study.check().seed(seed)),
            model.predict_proba(scale.transform(split.test.X))[:, 1],
        )
        assert found[seed] == pytest.approx(expected, abs=1e-6)
