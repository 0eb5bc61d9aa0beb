"""A classifier trained on the rows of one arm: equal conditions for all arms of a seed."""

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
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
from torch import nn

from gen_augment.data import Rows
from gen_augment.errors import DivergedError
from gen_augment.modalities.image.networks import SmallCNN
from gen_augment.study import Training
from gen_augment.study.arms import Pool, Synthetic, make_pool, parse_arm
from gen_augment.study.balance import (
    class_weights,
    log_prior,
)
from gen_augment.study.fitting import fit_predict
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
from tests.study.trained import table, train


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


def test_estimator_gives_the_probabilities_of_scikit_learn() -> None:
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


def test_the_estimator_of_the_user_is_not_changed() -> None:
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


def test_networks_of_a_seed_start_equal_for_every_arm() -> None:
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
    assert len(epoch.unique()) == 40  # each row occurs once before it repeats


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


TEST = rows_of(*gaussians(4000, seed=1))


def test_pretraining_spends_the_first_half_of_the_steps_on_synthetic_rows() -> None:
    X, y = gaussians(40)
    log = Log()
    pool = Pool(rows_of(X, y), pretrain=rows_of(X + 100, y))
    fit_predict(
        lambda: Recorder(2, log), parse_arm("real", {}), pool, rows_of(X, y), 0,
        Training(10, 8, 1e-3, device="cpu"),
    )  # fmt: skip
    far = [bool((batch > 10).all()) for batch in training_records(log)[0]["batches"]]
    assert far == [True] * 5 + [False] * 5
    assert torch.isfinite(log[0]["initial"]).all()


@pytest.mark.parametrize("balance", ["", "+logit"])
def test_soft_labels_are_predicted_from_real_rows(balance: str) -> None:
    """All synthetic rows have the wrong class. Predictions ignore this and follow Bayes' rule."""
    real, made = rows_of(*gaussians(2000)), rows_of(*gaussians(6000, seed=2))
    both = rows_of(np.concatenate([real.X, made.X]), np.append(real.codes, 1 - made.codes))
    log: Log = []
    found = {
        option: fit_predict(
            lambda: Recorder(2, log), parse_arm(f"made{option}{balance}", {"made": None}), Pool(both, len(made)), real,
            0, Training(400, 64, 0.05, device="cpu"),
        )(TEST.X)
        for option in ("", ":soft")
    }  # fmt: skip
    right = {option: float((p.argmax(axis=1) == TEST.codes).mean()) for option, p in found.items()}
    assert right[""] < 0.5
    assert right[":soft"] == pytest.approx(0.841, abs=0.01)
    np.testing.assert_allclose(found[":soft"][:, 1], expit(2 * TEST.X[:, 0]), atol=0.1)
    plain, teacher, student = training_records(log)
    assert torch.equal(plain["initial"], student["initial"])  # arms have equal initial weights
    assert not torch.equal(teacher["initial"], student["initial"])
    assert len(teacher["batches"]) == len(student["batches"]) == 400


def test_soft_labels_of_pretraining_rows() -> None:
    X, y = gaussians(500)
    arm = parse_arm("made:pretrain:soft", {"made": None})
    pool = Pool(rows_of(X, y), len(X), pretrain=rows_of(X, 1 - y))
    predict = fit_predict(
        lambda: nn.Linear(2, 2),
        arm,
        pool,
        rows_of(X, y),
        0,
        Training(200, 64, 0.05, device="cpu"),
    )
    assert (predict(TEST.X).argmax(axis=1) == TEST.codes).mean() == pytest.approx(0.841, abs=0.015)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_share_of_synthetic_rows_among_those_sampled(share: float) -> None:
    real, made = rows_of(*gaussians(30)), rows_of(*gaussians(170, seed=2))
    pool = with_share(real, rows_of(made.X + 100, made.codes), share)
    log: Log = []
    arm = parse_arm(f"made:share={share}", {"made": None})
    fit_predict(
        lambda: Recorder(2, log),
        arm,
        pool,
        real,
        0,
        Training(100, 20, 1e-3, device="cpu"),
    )
    met = torch.cat(training_records(log)[0]["batches"])
    assert float((met[:, 0] > 10).double().mean()) == pytest.approx(share, abs=0.02)
    assert len(torch.unique(met[met[:, 0] < 10], dim=0)) == len(real) * (share < 1)


@pytest.mark.parametrize("balance", ["", "+weights", "+logit"])
def test_share_in_an_estimator_is_repeated_rows(balance: str) -> None:
    """Four synthetic rows for each real row at a share of a half equal four copies of real rows."""
    real, made = rows_of(*gaussians(60, imbalance=2)), rows_of(*gaussians(240, imbalance=5, seed=2))
    four_times = rows_of(np.repeat(real.X, 4, axis=0), np.repeat(real.codes, 4))
    arm = parse_arm(f"made:share=0.5{balance}", {"made": None})
    model = LogisticRegression(C=1e6, tol=1e-10, max_iter=1000)
    pools = with_share(real, made, 0.5), with_share(four_times, made, None)
    found, expected = (
        fit_predict(model, arm, pool, real, 0, Training(1, 1, 1e-3, device="cpu"))(TEST.X)
        for pool in pools
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)  # of the optimiser


def with_share(real: Rows, made: Rows, share: float | None) -> Pool:
    return Pool(
        real.joined(made), len(made), weights=Synthetic(share=share).weights(len(real), len(made))
    )


def test_logit_adjustment_knows_a_share() -> None:
    """Real rows are 5 to 1, synthetic ones 1 to 1: under half of each, logits are adjusted by 2 to 1."""
    codes = np.repeat([0, 1, 0, 1], [50, 10, 300, 300])
    weights = Synthetic(share=0.5).weights(60, 600)
    np.testing.assert_allclose(np.exp(log_prior(codes, 2, weights)), [2 / 3, 1 / 3])
    np.testing.assert_allclose(class_weights(codes, 2, weights), [3 / 4, 3 / 2])
