"""Unusable settings raise before training. The modality reaches all parts."""

from dataclasses import FrozenInstanceError
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    cohen_kappa_score,
    f1_score,
    fbeta_score,
    make_scorer,
    matthews_corrcoef,
    zero_one_loss,
)
from torch import nn

from gen_augment import BootstrapSampler, ConditionalVAE, MixedSampler, pool
from gen_augment.errors import InputError
from gen_augment.modalities import Image, Table
from gen_augment.samplers import FilteredSampler, KDESampler
from gen_augment.study import Arm, Study
from gen_augment.study.arms import draw_all, parse_arm
from gen_augment.study.arms.drawing import unfitted
from gen_augment.study.arms.synthetic import FILTERS, Synthetic
from gen_augment.study.parts import Parts
from tests.study.toys import (
    Copies,
    Log,
    centred_images,
    gaussians,
    make_study,
    rows_of,
    small_study,
    unlabelled,
)

X, Y = gaussians(60)
CITIES = pd.DataFrame({"x": X[:, 0], "city": np.array(["Rome", "Oslo"])[(X[:, 1] > 0).astype(int)]})


def test_nothing_is_read_before_it_is_needed() -> None:
    study = Study("no such folder", n_seeds="many")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_seeds='many'"):
        study.run()
    with pytest.raises(FrozenInstanceError):
        study.n_seeds = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"arms": "real"}, r"arms='real' is one arm: give a list, such as \['real'\]"),
        ({"arms": Arm("real")}, r"arms='real' is one arm: give a list"),
        ({"samplers": ConditionalVAE()}, "samplers is a ConditionalVAE: give a dict"),
        ({"samplers": [KDESampler(), KDESampler(bandwidth=2.0)]}, "samplers has two of 'kde': give a dict"),
        ({"samplers": [Copies]}, r"'copies' is the class Copies: give an instance, Copies\(\)"),
        ({"samplers": {"vae": ConditionalVAE}}, r"'vae' is the class ConditionalVAE: give an instance"),
        ({"samplers": {"vae": 3}}, "'vae' is a int, which has no fit"),
        ({"corruptions": True}, "corruptions=True: corruptions are defined for images, .* are table"),
        ({"arms": ["smotenc"]}, "needs a DataFrame with numeric columns and others: use smote"),
        ({"test": 3}, r"test is a int: give \(X, y\)"),
        ({"modality": "tables"}, "modality='tables' is not known"),
        ({"shifted": {"test": (X, Y)}}, "the name 'test' is reserved"),
        ({"metric": []}, "give at least one"),
        ({"metric": ["nll", "nll"]}, "each name once"),
        ({"metric": lambda p: 1.0}, "cannot score probabilities of 2 classes"),
    ],
)  # fmt: skip
def test_unusable_settings_are_found_at_once(changes: dict[str, Any], message: str) -> None:
    log = Log()
    settings: dict[str, Any] = {"samplers": {"copies": Copies(log)}} | changes
    with pytest.raises(InputError, match=message):
        small_study(X, Y, **settings).run()
    assert not log


def test_missing_values_and_smotenc_are_found_at_once() -> None:
    X = CITIES.copy()
    X.loc[3, "x"] = np.nan
    with pytest.raises(InputError, match="smotenc needs columns without missing values: use smote"):
        small_study(X, Y, arms=["real", "smotenc"]).check()
    assert list(small_study(CITIES, Y, arms=["real", "smotenc"]).check().arms) == [
        "real",
        "smotenc",
    ]


def test_a_verdict_needs_a_reference_arm() -> None:
    assert list(small_study(X, Y, arms=["copies"]).check().arms) == ["real", "copies"]
    assert list(small_study(X, Y, arms=["copies"], add_real=False).check().arms) == ["copies"]
    assert list(small_study(X, Y, arms=["oversample", "copies"]).check().arms) == [
        "oversample",
        "copies",
    ]


def test_samplers_in_a_list_have_their_short_names() -> None:
    study = small_study(X, Y, samplers=[KDESampler(), Copies()], arms=["real", "kde", "copies"])
    assert {name: type(s) for name, s in study.check().samplers.items()} == {
        "kde": KDESampler,
        "copies": Copies,
    }


# Metrics


def test_scorers_of_scikit_learn_choose_and_compare() -> None:
    def informedness(estimator: Any, X: Any, y: Any) -> float:
        assert set(y) == {"no", "yes"}
        return float(matthews_corrcoef(y, estimator.predict(X)))

    labels = np.array(["no", "yes"])
    f2 = make_scorer(fbeta_score, beta=2, pos_label="yes")
    metrics = ["f1", "neg_log_loss", "roc_auc_ovr", f2, informedness, cohen_kappa_score]
    result = small_study(X, labels[Y], metric=metrics, n_seeds=3).run()
    assert result.metric.name == "f1"
    trials = result.trials[result.trials["arm"] == "real"].set_index("seed")
    for seed in range(3):
        truth = result.truth[seed]["test"]
        predicted = result.predictions["real", seed]["test"].argmax(axis=1)
        found = trials.loc[seed]
        assert found["test_f1"] == pytest.approx(f1_score(truth, predicted))
        assert found["test_fbeta_score"] == pytest.approx(fbeta_score(truth, predicted, beta=2))
        kappa = cohen_kappa_score(truth, predicted)
        assert found["test_cohen_kappa_score"] == pytest.approx(kappa)
        assert found["test_informedness"] == pytest.approx(matthews_corrcoef(truth, predicted))
        assert found["test_neg_log_loss"] == pytest.approx(-found["test_nll"])
        assert found["test_roc_auc_ovr"] == pytest.approx(found["test_roc_auc"])
    assert "changes f1 by" in result.verdict() or "f1 by" in result.verdict()
    assert {"f1", "informedness"} <= set(result.table().columns)


def test_functions_that_are_better_where_lower_are_refused() -> None:
    with pytest.raises(InputError, match=r"make_scorer\(zero_one_loss, greater_is_better=False\)"):
        small_study(X, Y, metric=zero_one_loss).check()


def test_scorers_of_two_classes_are_refused_for_three() -> None:
    y = np.arange(60) % 3
    with pytest.raises(InputError, match="metric='f1' cannot score probabilities of 3 classes"):
        small_study(X, y, metric="f1").check()
    assert small_study(X, y, metric="f1_macro").check().metric.label == "f1 macro"


# The modality


class Reads(Copies):
    """A sampler with a modality, which each fit appends to the log."""

    def __init__(self, log: Log | None = None, modality: Any = None, random_state: int = 0) -> None:
        super().__init__(log, random_state)
        self.modality = modality

    def fit(self, X: Any, y: Any) -> Self:
        if self.log is not None:
            self.log.append(self.modality)
        self.X_, self.y_ = X, np.asarray(y)
        return self


def test_the_modality_reaches_samplers_that_leave_it_open() -> None:
    codes = np.column_stack([X[:, 0], np.arange(60) % 4])
    table, log = Table(types={1: "category"}), Log()
    result = small_study(
        codes, Y, modality=table, samplers={"a": Reads(log), "b": Reads(log, Table())},
        arms=["real", "a", "b"], n_seeds=1, near_copies="ignore",
    ).run()  # fmt: skip
    assert result.trials["error"].isna().all()
    assert log == [table, Table()]
    assert result.protocol["data"]["modality"] == repr(table)


def test_the_modality_decides_the_inputs_of_the_classifier() -> None:
    seen: list[int] = []

    class Seen(LogisticRegression):  # type: ignore[misc] # scikit-learn has no types
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            seen.append(X.shape[1])
            return super().fit(X, y, sample_weight)

    frame = pd.DataFrame({"x": X[:, 0], "zip": (np.arange(60) % 4).astype(str)})
    small_study(frame, Y, model=Seen(), arms=["real"], n_seeds=1, near_copies="ignore").run()
    assert seen == [5]


def test_filters_read_rows_as_the_study_does(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    class Gate:
        def get_params(self) -> dict[str, Any]:
            return {}

        def fit(self, X: Any, y: Any = None, *, modality: Any = None) -> Self:
            given.append(X.modality)
            return self

        def __call__(self, X: Any, y: Any) -> np.ndarray:
            return np.ones(len(X), bool)

    class Addressed(Copies):
        def generate(self, index: Any, y: Any, *, seed: int | None = None) -> Any:
            return self.draw(np.asarray(y), np.random.default_rng(0))

    monkeypatch.setitem(FILTERS, "gate", Gate)  # type: ignore[arg-type]
    parts = Parts(rows_of(X, Y), rows_of(X, Y), unlabelled(X + 9))
    draw_all("s", Addressed(), [Synthetic(filters=("gate",))], parts, 0, lambda: 0.0)
    assert given == [Table()]


def test_an_open_modality_is_set_within_samplers_too() -> None:
    assert unfitted(Reads(), Image(), 3).modality == Image()
    assert unfitted(Reads(), Image(), 3).random_state == 3
    assert unfitted(Reads(modality=Table()), Image(), 3).modality == Table()
    outer = FilteredSampler(Reads(), [])
    assert unfitted(outer, Image(), 3).sampler.modality == Image()
    assert outer.sampler.modality is None


def test_a_recipe_of_another_modality_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"'mixup' is a recipe for .*image.* rows, and these rows are table"
    ):
        small_study(X, Y, arms=["mixup"], model=lambda: nn.Linear(2, 2)).check()
    images, y = centred_images(20)
    made = make_study(images, y, arms=["mixup"], samplers={})
    assert list(made.check().arms) == ["mixup"]


def test_any_rows_can_have_custom_batch_steps() -> None:
    def noise(x: Any, y: Any) -> tuple[Any, Any]:
        return x + 0.01, y

    arms = ["real", Arm("noise", batch_steps=(noise,))]
    made = small_study(X, Y, arms=arms, model=lambda: nn.Linear(2, 2), n_steps=3, n_seeds=1)
    assert made.run().trials["error"].isna().all()
    assert parse_arm("shift", {}).batch_steps == ("shift",)


def fingerprint(**settings: Any) -> str:
    return small_study(X, Y, **settings).check().fingerprint


def test_another_classifier_teacher_scorer_or_pool_is_another_study() -> None:
    """Parameters are equal, or differ where a `repr` is shortened."""
    models = [kind(20, bootstrap=False) for kind in (RandomForestClassifier, ExtraTreesClassifier)]
    assert len({fingerprint(model=model) for model in models}) == 2
    scorers = [make_scorer(fbeta_score, beta=beta) for beta in (0.1, 10)]
    assert len({fingerprint(metric=scorer) for scorer in scorers}) == 2
    teachers = [
        VotingClassifier(
            [(f"forest{i}", RandomForestClassifier(n if i == 7 else 2)) for i in range(14)],
            voting="soft",
        )
        for n in (2, 3)
    ]
    assert len({fingerprint(teacher=teacher) for teacher in teachers}) == 2
    pools = [
        pool([BootstrapSampler(random_state=0).fit(part, Y[:30]) for part in (X[:30], X[30:] + i)])
        for i in range(2)
    ]
    mixed = [MixedSampler([each, KDESampler()]) for each in pools]
    for first, second in (pools, mixed):
        assert fingerprint(samplers={"copies": first}) != fingerprint(samplers={"copies": second})
        assert Arm("a", sampler=first).key != Arm("a", sampler=second).key


def test_a_scorer_that_needs_a_class_that_the_test_part_lacks_is_refused() -> None:
    only = np.flatnonzero(Y == 0)[:9]
    with pytest.raises(InputError, match=r"'neg_log_loss' cannot .* without rows of \[1\]"):
        small_study(X, Y, metric="neg_log_loss", test=(X[only] + 0.5, Y[only])).check()
