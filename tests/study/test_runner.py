"""Whole studies on data with known truth."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from gen_augment.errors import ArchiveError, InputError, LeakError
from gen_augment.rng import derive_seed
from gen_augment.samplers import KDESampler
from gen_augment.study import Arm, StudyInterrupted
from gen_augment.study.metrics import METRICS
from gen_augment.study.result_files import load_result
from tests.conftest import as_form, toy_images
from tests.study.small_studies import X, Y, image_study, scores
from tests.study.toys import (
    Copies,
    Failing,
    Log,
    Recorder,
    TrueDraws,
    brightness,
    gaussians,
    make_study,
    row_digests,
    small_study,
    training_records,
)

SECONDS = ["fit_seconds", "sample_seconds", "train_seconds", "predict_us"]


# Honesty


def test_sampler_sees_the_training_part_alone() -> None:
    log = Log()
    study = small_study(X, Y, samplers={"copies": Copies(log)}, n_seeds=3)
    study.run()
    assert len(log) == 3
    for number, fitted_on in enumerate(log):
        split = study.check().task.split(derive_seed(0, "seed", number))
        assert fitted_on == row_digests(split.train.X).tolist()
        held_out = {*row_digests(split.validation.X), *row_digests(split.test.X)}
        assert held_out.isdisjoint(fitted_on)


def test_all_arms_of_a_seed_start_equal_and_take_equal_steps() -> None:
    log = Log()
    arms = ["real", "oversample", "shift", "copies", "copies+shift", "copies+mixup"]
    image_study(arms=arms, model=lambda: Recorder(144, log), n_steps=7).run()
    records = training_records(log)
    assert len(records) == 12
    for of_seed in (records[:6], records[6:]):
        assert all(torch.equal(record["initial"], of_seed[0]["initial"]) for record in of_seed)
        assert [[len(batch) for batch in record["batches"]] for record in of_seed] == [[8] * 7] * 6
        order = {
            arm: torch.cat([brightness(batch) for batch in record["batches"]])
            for arm, record in zip(arms, of_seed, strict=True)
        }
        # Classes are balanced, so nothing is repeated and these three arms have the same rows.
        for arm in ("oversample", "shift"):
            torch.testing.assert_close(order[arm], order["real"], rtol=0, atol=1e-2)
        torch.testing.assert_close(order["copies+shift"], order["copies"], rtol=0, atol=1e-2)
    assert not torch.equal(records[0]["initial"], records[6]["initial"])


def test_seeds_have_splits_of_their_own_and_arms_of_a_seed_share_one() -> None:
    shares = {
        "test_size": 0.2,
        "validation_size": 0.25,
    }  # 18 rows of each class to train on: nothing to repeat
    table = (
        small_study(X, Y, arms=["real", "oversample"], samplers={}, n_seeds=4, **shares)
        .run()
        .scores()
    )
    np.testing.assert_array_equal(table["real"], table["oversample"])
    assert table["real"].nunique() > 1


def test_copies_of_test_rows_fail_their_trial_and_not_the_study() -> None:
    test_X, test_y = gaussians(40, seed=7)

    class Thief(TrueDraws):
        def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
            rows = super().draw(labels, rng)
            rows[0] = test_X[0]
            return rows

    samplers = {"thief": Thief(), "copies": Copies()}
    result = small_study(
        X, Y, test=(test_X, test_y), arms=["thief", "real", "copies"], samplers=samplers
    ).run()
    failed = result.trials[result.trials["arm"] == "thief"]
    assert (
        failed["error"].tolist()
        == ["LeakError: 1 synthetic rows of 'thief' are equal to rows of the test part."] * 2
    )
    assert failed[[f"test_{name}" for name in METRICS]].isna().all(axis=None)
    assert result.trials["error"].isna().sum() == 4
    assert result.best(generative=True) == "copies"
    assert result.verdict().startswith("No verdict: two seeds cannot tell. copies differs")


def test_leaks_in_the_data_stop_the_study_at_once() -> None:
    with pytest.raises(LeakError):
        small_study(np.concatenate([X, X[:1]]), np.append(Y, Y[0])).check()
    with pytest.raises(LeakError):
        small_study(X, Y, test=(X[:2], Y[:2])).check()


# Repetition


def test_random_state_decides_all_trials() -> None:
    runs = [image_study(random_state=state).run() for state in (3, 3, 4)]
    pd.testing.assert_frame_equal(scores(runs[0]), scores(runs[1]))
    assert not scores(runs[0]).equals(scores(runs[2]))
    assert runs[0].examples.keys() == {"copies"}


def test_run_leaves_every_global_generator_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate())
    image_study().run(tmp_path)
    small_study(X, Y, arms=["real", "oversample", "smote", "copies"]).run()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert random.getstate() == before[2]


@pytest.mark.parametrize("test", [None, gaussians(30, seed=9)], ids=["split", "given"])
def test_scores_are_those_of_a_classifier_trained_by_hand(test: Any) -> None:
    study = small_study(X, Y, arms=["real"], samplers={}, test=test, n_seeds=3)
    trials = study.run().trials
    for number in range(3):
        split = study.check().task.split(derive_seed(0, "seed", number))
        classifier = make_pipeline(StandardScaler(), LogisticRegression()).fit(
            split.train.X, split.train.codes
        )
        for name in ("validation", "test"):
            part = getattr(split, name)
            codes = (
                study.check().task.truth(derive_seed(0, "seed", number))
                if name == "test"
                else part.codes
            )
            found = trials.loc[number, [f"{name}_accuracy", f"{name}_nll"]].tolist()
            expected = [
                classifier.score(part.X, codes),
                log_loss(codes, classifier.predict_proba(part.X)),
            ]
            assert found == pytest.approx(expected, abs=1e-5)


def test_on_trial_is_called_for_each_trial() -> None:
    told: list[Any] = []
    small_study(X, Y).run(
        on_trial=lambda trial, done, total: told.append((trial["arm"], trial["seed"], done, total))
    )
    assert told == [("real", 0, 1, 4), ("copies", 0, 2, 4), ("real", 1, 3, 4), ("copies", 1, 4, 4)]


# Folders


def test_more_seeds_and_arms_rerun_nothing(tmp_path: Path) -> None:
    log = Log()
    short = small_study(X, Y, samplers={"copies": Copies(log)}).run(tmp_path)
    assert len(log) == 2
    longer = small_study(X, Y, samplers={"copies": Copies(log)}, n_seeds=4, metric="nll").run(
        tmp_path
    )
    assert len(log) == 4
    pd.testing.assert_frame_equal(longer.trials.head(4), short.trials)
    pd.testing.assert_frame_equal(scores(longer), scores(small_study(X, Y, n_seeds=4).run()))

    more = small_study(
        X, Y, samplers={"copies": Copies(log)}, arms=["real", "oversample", "copies"]
    ).run(tmp_path)
    assert len(log) == 4
    assert more.trials["arm"].tolist() == ["real", "oversample", "copies"] * 2
    assert more.trials["error"].isna().all()


def test_trial_that_a_kill_cut_short_is_run_again(tmp_path: Path) -> None:
    log = Log()
    samplers = {"copies": Copies(log)}
    whole = small_study(X, Y, samplers=samplers, n_seeds=3).run(tmp_path)
    lines = (tmp_path / "trials.jsonl").read_bytes()
    (tmp_path / "trials.jsonl").write_bytes(lines[:-40])

    told: list[Any] = []
    resumed = small_study(X, Y, samplers=samplers, n_seeds=3).run(
        tmp_path, on_trial=lambda trial, *_: told.append((trial["arm"], trial["seed"]))
    )
    assert told == [("copies", 2)]
    assert len(log) == 3  # its rows are on disk
    pd.testing.assert_frame_equal(scores(resumed), scores(whole))
    pd.testing.assert_frame_equal(
        resumed.table().drop(columns=SECONDS), whole.table().drop(columns=SECONDS)
    )
    small_study(X, Y, samplers=samplers, n_seeds=3).run(tmp_path)
    assert len(log) == 3


def test_trials_of_another_version_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samplers = {"copies": Copies()}
    before = small_study(X, Y, samplers=samplers, n_seeds=3).run(tmp_path)
    assert before.trials["code"].nunique() == 1
    assert "versions" not in " ".join(before.details())
    monkeypatch.setattr("gen_augment.study.trial.code_version", lambda: "the next release")
    after = small_study(X, Y, samplers=samplers, n_seeds=4).run(tmp_path)
    assert after.trials["code"].tolist() == [
        *before.trials["code"],
        "the next release",
        "the next release",
    ]
    assert "ran under 2 versions of this package" in after.details()[-1]
    assert load_result(tmp_path).details() == after.details()
    after.to_markdown(tmp_path / "report.md")
    assert "ran under 2 versions of this package" in (tmp_path / "report.md").read_text()


def test_only_one_process_runs_a_folder(tmp_path: Path) -> None:
    refused: list[Any] = []

    def run_it_too(*_: Any) -> None:
        with pytest.raises(ArchiveError, match="is being run by another process"):
            small_study(X, Y).run(tmp_path)
        refused.append(_)

    first = small_study(X, Y).run(tmp_path, on_trial=run_it_too)
    assert len(refused) == len(first.trials) == len(small_study(X, Y).run(tmp_path).trials)


def test_failed_trial_is_kept_and_tried_again(tmp_path: Path) -> None:
    log = Log()
    samplers = {"copies": Failing(log, at=(0,))}
    first = small_study(X, Y, samplers=samplers).run(tmp_path)
    assert first.trials["error"].tolist()[1] == "RuntimeError: planned"
    assert first.trials["error"].isna().tolist() == [True, False, True, True]
    assert first.verdict().startswith("No verdict: no arm with synthetic rows finished")

    second = small_study(X, Y, samplers=samplers).run(tmp_path)
    assert len(log) == 3
    assert second.trials["error"].isna().all()
    pd.testing.assert_frame_equal(scores(second), scores(small_study(X, Y).run()))


def test_an_interrupted_study_has_a_result_and_resumes(tmp_path: Path) -> None:
    log = Log()
    samplers = {"copies": Failing(log, at=(1,), error=KeyboardInterrupt)}
    study = small_study(X, Y, samplers=samplers, n_seeds=3)
    with pytest.raises(StudyInterrupted) as caught:
        study.run(tmp_path)
    assert isinstance(caught.value, KeyboardInterrupt)
    found = caught.value.result
    pd.testing.assert_frame_equal(study.result(tmp_path).trials, found.trials)
    assert list(zip(found.trials["seed"], found.trials["arm"], strict=True)) == [
        (0, "real"), (0, "copies"),
    ]  # fmt: skip
    assert found.verdict().startswith("No verdict: one seed cannot tell.")
    assert (found.protocol["n_seeds"], found.protocol["n_seeds_planned"]) == (1, 3)
    found.to_html(tmp_path / "report.html")

    whole = study.run(tmp_path)
    assert len(log) == 4
    pd.testing.assert_frame_equal(scores(whole), scores(small_study(X, Y, n_seeds=3).run()))


# Models, data and arms


def test_every_form_of_data_can_be_studied(form: str) -> None:
    settings: dict[str, Any] = {
        "samplers": {},
        "arms": ["real", "oversample"],
        "drop_duplicates": True,
        "n_seeds": 1,
    }
    result = make_study(*as_form(form), model=GaussianNB(var_smoothing=0.1), **settings).run()
    assert result.trials["error"].isna().all()
    assert (result.trials["test_accuracy"] > 0.8).all()


@pytest.mark.parametrize(
    "model", [LogisticRegression(), lambda: nn.Linear(2, 2)], ids=["estimator", "network"]
)
def test_table_with_either_kind_of_model(model: Any) -> None:
    study = small_study(X, Y, model=model, n_steps=150, lr=0.1, batch_size=16, device="cpu")
    assert (study.run().trials["test_accuracy"] > 0.7).all()


def test_network_of_images_can_learn() -> None:
    images, y = toy_images(80)
    settings: dict[str, Any] = {
        "arms": ["real", "shift"],
        "samplers": {},
        "n_seeds": 1,
        "n_steps": 20,
        "device": "cpu",
    }
    result = make_study(images, np.array(["up", "down"])[y], **settings).run()
    assert result.protocol["model"] == "network SmallCNN"
    assert (result.trials["test_accuracy"] > 0.9).all()


def test_samplers_of_this_package_take_part() -> None:
    from gen_augment import ConditionalGAN, ConditionalVAE

    samplers = {
        "vae": ConditionalVAE(max_steps=3, batch_size=8, device="cpu"),
        "gan": ConditionalGAN(max_steps=3, batch_size=8, device="cpu"),
    }
    result = small_study(
        X, np.array(["no", "yes"])[Y], samplers=samplers, arms=["real", "vae", "gan"]
    ).run()
    assert result.trials["error"].isna().all()
    assert result.protocol["samplers"]["vae"]["max_steps"] == 3
    assert result.protocol["samplers"]["gan"]["class"] == "ConditionalGAN"


def test_pictures_of_an_arm_of_any_name(tmp_path: Path) -> None:
    name = "a half, 1/2: noise"
    result = image_study(arms=["real", Arm(name, sampler=Copies())]).run(tmp_path)
    assert list(result.examples) == [name]


def test_default_arms_are_those_that_the_model_can_run() -> None:
    baselines = ["real", "oversample", "weights", "threshold", "smote"]
    assert list(small_study(X, Y, arms=None).check().arms) == [*baselines, "copies"]
    both = ["copies", "copies+shift+mixup", "copies:share=0.25+randaugment"]
    assert list(image_study(arms=None).check().arms) == [
        "real",
        "shift",
        "mixup",
        "shift+mixup",
        "randaugment",
        *both,
    ]
    assert list(image_study(arms=None, model=LogisticRegression()).check().arms) == [
        "real",
        "copies",
    ]
    assert "flip+shift" in image_study(arms=None, mirror=True).check().arms


def test_default_baselines_of_imbalanced_images_balance_the_classes() -> None:
    X, y = toy_images(200)
    rare = np.flatnonzero(y)[30:]
    X, y = np.delete(X, rare, axis=0), np.delete(y, rare)
    few = {"n_seeds": 1, "samplers": {"copies": Copies()}}
    imbalanced = make_study(X, y, **few)  # type: ignore[arg-type]
    assert {"oversample", "logit", "oversample+shift", "oversample+randaugment"} <= set(
        imbalanced.check().arms
    )
    alike = make_study(X, y, per_class=15, **few)  # type: ignore[arg-type]  # of the training part, which `per_class` makes
    assert "oversample" not in alike.check().arms


@pytest.mark.parametrize("arm", ["shift", "flip", "mixup", "real+mixup", "copies+flip"])
@pytest.mark.parametrize(
    "model", [LogisticRegression(), lambda: nn.Linear(2, 2)], ids=["estimator", "network"]
)
def test_arms_of_images_are_refused_for_tables(arm: str, model: Any) -> None:
    with pytest.raises(
        InputError,
        match=r"is a recipe for .*image.* rows, and these rows are table; their recipes: none",
    ):
        small_study(X, Y, arms=["real", arm], model=model).check()


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"arms": ["shift"], "model": LogisticRegression()},
            "'shift' changes batches, so it needs a network",
        ),
        (
            {"arms": ["weights"], "model": KNeighborsClassifier()},
            "KNeighborsClassifier takes no sample_weight",
        ),
        (
            {"arms": ["copies:pretrain"], "model": LogisticRegression()},
            "pre-training needs a network",
        ),
        ({"arms": ["copies:soft"], "model": LogisticRegression()}, "soft labels need a network"),
        (
            {"arms": ["copies:share=0.5"], "model": KNeighborsClassifier()},
            "KNeighborsClassifier takes no sample_weight",
        ),
        ({"arms": ["threshold"]}, "use logit with a network"),
        ({"near_copies": "maybe"}, "near_copies='maybe'"),
        ({"margin": -1}, "margin=-1"),
        ({"arms": []}, "arms is empty"),
        ({"arms": ["real", "vae"]}, "unknown step 'vae'"),
        ({"samplers": {"real": Copies()}}, "'real' is a step of arms"),
        ({"samplers": {"mixup": Copies()}}, "'mixup' is a step of arms"),
        ({"samplers": {"a+b": Copies()}}, r"the name 'a\+b' may have only letters"),
        ({"samplers": {"../gan": Copies()}}, "may have only letters"),
        ({"samplers": {"": Copies()}}, "may have only letters"),
        ({"model": LogisticRegression}, "neither an instance"),
        ({"model": lambda: None}, "gave a NoneType"),
        ({"metric": "auc"}, "metric='auc'"),
        ({"n_seeds": 0}, "n_seeds=0"),
        ({"n_steps": 1.5}, "n_steps=1.5"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"lr": 0}, "lr=0"),
        ({"precision": "16-mixed"}, "precision='16-mixed' is not one of"),
        ({"random_state": "1"}, "random_state='1'"),
        ({"per_class": -1}, "per_class=-1"),
        ({"per_class": 15}, "per_class=15, but class 0 has 14 rows"),
        ({"test_size": 0.97}, "40 rows cannot be split"),
        (
            {"arms": [Arm("typo", balance="weight")]},
            "unknown balance 'weight'; known: weights, logit, threshold",
        ),
        ({"arms": [Arm("typo", rows="overample")]}, "unknown row step 'overample'; known: real"),
        (
            {"arms": [Arm("typo", batch_steps=("shiff",))]},
            "unknown batch step 'shiff'; known: .*shift",
        ),
        (
            {"arms": [Arm("typo", sampler=Copies(), resample="all")]},
            "unknown resample 'all'; known: real",
        ),
        (
            {
                "arms": [
                    Arm(name, rows="kde", sampler=KDESampler(bandwidth=b))
                    for name, b in (("a", 0.1), ("b", 9.0))
                ]
            },
            "arms 'a' and 'b' have different samplers, both called 'kde'",
        ),
        (
            {"metric": "roc_auc", "test": (np.ones((9, 12, 12), np.uint8), np.zeros(9, int))},
            "metric='roc_auc' needs rows of two classes or more in the test part",
        ),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        image_study(**changes).check()


def test_a_folder_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"typo does not exist: give the folder of `run`\."):
        small_study(*gaussians(60)).result(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()
