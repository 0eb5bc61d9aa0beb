"""Protocols on toy images: seeds resume, and records restore the results of the studies."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator

from benchmarks import ablation, harness, longtail, lowdata, protocol, transfer
from benchmarks.arrays import Data
from benchmarks.comparison import Goal, compared, judge
from benchmarks.harness import Record
from benchmarks.image_studies import one_seed
from benchmarks.protocol import Protocol, Setup
from gen_augment.errors import InputError
from gen_augment.study import Study, StudyResult
from gen_augment.study.findings import variance_over_tests
from tests.study.results import make_result
from tests.study.toys import Copies, Failing, Log

ROWS = "some rows"
SETUP = Setup(("real", "shift", "copies", "flow"), {"classifier": 12, "copies": 0, "flow": 0})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write results and unfinished seeds of each test to its own folder."""
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    monkeypatch.setattr(harness, "WORK", tmp_path / "work")
    monkeypatch.setattr(protocol, "WORK", tmp_path / "work")
    monkeypatch.setattr(protocol, "SEEDS", 3)
    return tmp_path


def toy_data() -> Data:
    """Noise that is slightly brighter in one half or the other."""
    rng, y = np.random.default_rng(0), np.arange(110) % 2
    X = rng.integers(0, 200, (110, 8, 8))
    X[y == 0, :4] += 15
    X[y == 1, 4:] += 15
    return Data("toys", X[:60].astype(np.uint8), y[:60], test=(X[60:].astype(np.uint8), y[60:]))


def toy_protocol(watch: Callable[[int], None] = lambda seed: None, copies: Any = None) -> Protocol:
    """A protocol of two arms without samplers, and two with samplers that copy training rows."""

    def make(rows: str, setup: Setup, seed: int, quick: bool) -> Study:
        watch(seed)
        samplers = {"copies": Copies() if copies is None else copies, "flow": Copies()}
        return one_seed(toy_data(), setup, samplers, seed, per_class=15)

    return Protocol("toys", {ROWS: SETUP}, make, goals={ROWS: Goal(1)})


def without_seconds(results: Record) -> list[Record]:
    return [{k: v for k, v in trial.items() if "seconds" not in k} for trial in results["trials"]]


def test_stopped_protocol_resumes_with_the_missing_arms_and_seeds(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Stops in seed 1, after its first two arms.
    stopping = Failing(Log(), (1,), KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        toy_protocol(copies=stopping).run(False)
    kept = json.loads((folder / "toys.json").read_text())["results"]
    assert [(t["seed"], t["arm"]) for t in kept["trials"]] == [(0, arm) for arm in SETUP.arms]
    assert capsys.readouterr().out.split("\n")[4:-1] == ["1/4 real ", "2/4 shift "]

    made: list[int] = []
    found = toy_protocol(made.append, stopping).run(False)
    assert made == [1, 2]
    assert capsys.readouterr().out.startswith("3/4 copies \n4/4 flow \n1/4 real")
    assert json.loads((folder / "toys.json").read_text())["results"] == found
    # Finished seeds are in the results alone.
    assert not list((folder / "work" / "toys").iterdir())

    (folder / "toys.json").unlink()
    assert without_seconds(toy_protocol().run(False)) == without_seconds(found)


def test_added_arm_is_run_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(protocol, "SEEDS", 1)
    fewer = replace(toy_protocol(), setups={ROWS: Setup(SETUP.arms[:-1], SETUP.steps)})
    fewer.run(False)
    capsys.readouterr()
    found = toy_protocol().run(False)
    assert capsys.readouterr().out == f"1/1 {SETUP.arms[-1]} \n"
    (folder / "toys.json").unlink()
    assert without_seconds(found) == without_seconds(toy_protocol().run(False))


def test_concurrent_protocols_divide_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "SEEDS", 2)
    mine: list[int] = []
    theirs: list[int] = []

    def meanwhile(seed: int) -> None:
        mine.append(seed)
        if seed == 0:
            toy_protocol(theirs.append).run(False)

    found = toy_protocol(meanwhile).run(False)
    assert (mine, theirs) == ([0], [1])
    assert [(t["seed"], t["arm"]) for t in found["trials"]] == [
        (seed, arm) for seed in (1, 0) for arm in SETUP.arms
    ]


@pytest.fixture
def raced(monkeypatch: pytest.MonkeyPatch) -> Protocol:
    """A protocol with two seeds of all arms and four of the best arm of each kind."""
    monkeypatch.setattr(protocol, "SEEDS", 4)
    monkeypatch.setattr(protocol, "FINALISTS", 1)
    return replace(toy_protocol(), first=2)


def test_best_arms_on_validation_run_the_remaining_seeds(raced: Protocol) -> None:
    found = raced.run(False)
    means = {
        arm: np.mean(
            [
                t["validation_balanced_accuracy"]
                for t in found["trials"]
                if t["arm"] == arm and t["seed"] < 2
            ]
        )
        for arm in SETUP.arms
    }
    best = [
        max(arms, key=lambda arm: means[arm]) for arms in (("real", "shift"), ("copies", "flow"))
    ]
    assert [(t["seed"], t["arm"]) for t in found["trials"]] == [
        *((seed, arm) for seed in (0, 1) for arm in SETUP.arms), *((seed, arm) for seed in (2, 3) for arm in best)
    ]  # fmt: skip
    every = replace(raced, first=4).run(False)["trials"]
    alone = [t for t in every if t["arm"] in best and t["seed"] > 1]
    assert without_seconds({"trials": alone}) == without_seconds({"trials": found["trials"][8:]})

    stages = raced.stages(found)[ROWS]
    assert {title: (list(r.arms), r.n_seeds) for title, r in stages.items()} == {
        ROWS: (list(SETUP.arms), 2), f"{ROWS}, finalists": (best, 4)
    }  # fmt: skip
    assert [line[:2] for line in raced.found(found)] == [[ROWS, "4"]]
    summary = raced.summary(found)
    assert f"**{ROWS}**, 4 paired seeds" in summary
    assert [arm for arm in SETUP.arms if f"| {arm} |" in summary or f"**{arm}**" in summary] == best
    assert summary.count("The goal is") == summary.count("after the first 2 alone") == 1
    (axes,) = raced.figures(found)["gains"].axes
    heights = [label.get_text() for label in axes.get_yticklabels()]
    dots = {heights[round(y)]: (x, line.get_markersize()) for line in axes.lines[:-1]
            if len(line.get_xydata()) == 1 for x, y in line.get_xydata()}  # fmt: skip
    assert {arm for arm, (_, size) in dots.items() if size > 4} == set(best)
    for arm, (gain, _) in dots.items():
        result = stages[f"{ROWS}, finalists" if arm in best else ROWS]
        assert gain == pytest.approx(100 * result.difference(arm, best[0]).mean)
    table = raced.table(found)
    assert table.count("The goal is") == 1  # of the finalists: two seeds are too few
    assert f"**{ROWS}**, 2 paired seeds" in table
    assert f"**{ROWS}, finalists**, 4 paired seeds" in table
    real, made = (stages[f"{ROWS}, finalists"].scores()[arm] for arm in best)
    assert f"after the first 2 alone, the gain is {100 * (made - real)[2:].mean():+.2f}" in table
    assert "versions of the code" not in table
    found["trials"][0]["code"] = None  # as in results without a recorded version
    assert "under 2 versions of the code" in raced.table(found)


def test_no_finalists_before_all_arms_have_their_seeds(raced: Protocol) -> None:
    trials = raced.run(False)["trials"]
    fewer = {"trials": [t for t in trials if (t["seed"], t["arm"]) != (1, "flow")]}
    assert raced.finalists(fewer, ROWS) == ()
    assert list(raced.stages(fewer)[ROWS]) == [ROWS]


def test_control_is_not_a_finalist(raced: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "FINALISTS", 4)
    results = raced.run(False)
    for trial in results["trials"]:
        trial["arm"] = trial["arm"].replace("copies", "flow:1:shuffled")
    arms = ("real", "shift", "flow:1:shuffled", "flow")
    assert replace(raced, setups={ROWS: Setup(arms, SETUP.steps)}).finalists(results, ROWS) == (
        "real",
        "shift",
        "flow",
    )


def test_trials_with_other_steps_are_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "SEEDS", 2)
    toy_protocol().run(False)
    monkeypatch.setattr(protocol, "SEEDS", 1)
    made: list[int] = []
    longer = replace(
        toy_protocol(made.append),
        setups={ROWS: Setup(SETUP.arms, SETUP.steps | {"classifier": 13})},
    )
    found = longer.run(False)
    assert made == [0]
    result = longer.result(found, ROWS)
    assert result is not None
    assert result.n_seeds == 1  # the second seed has only been run with fewer steps
    assert len(found["trials"]) == 12


def _apart(verdict: str) -> tuple[list[str], list[float]]:
    """Return the words and the numbers of a verdict."""
    parts = re.split(r"([+-]?\d+\.\d+)", verdict)
    return parts[::2], [float(number) for number in parts[1::2]]


def test_records_restore_the_results_of_the_studies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference is one study of three seeds with all of its predictions."""
    live: list[StudyResult] = []
    run = Study.run

    def watched(study: Study, *args: Any, **kwargs: Any) -> StudyResult:
        live.append(run(study, *args, **kwargs))
        return live[-1]

    monkeypatch.setattr(Study, "run", watched)
    tested = toy_protocol()
    found = tested.result(tested.run(False), ROWS)
    assert found is not None
    whole = StudyResult(
        pd.concat([r.trials.assign(seed=seed) for seed, r in enumerate(live)], ignore_index=True),
        live[0].arms, live[0].metrics, {"n_seeds": 3},
        predictions={(arm, seed): p for seed, r in enumerate(live) for (arm, _), p in r.predictions.items()},
        truth={seed: r.truth[0] for seed, r in enumerate(live)},
    )  # fmt: skip
    pd.testing.assert_frame_equal(found.scores(), whole.scores(), atol=1e-5)
    for arm in SETUP.arms[1:]:
        mine, theirs = found.difference(arm, "real"), whole.difference(arm, "real")
        np.testing.assert_allclose(
            [mine.mean, mine.low, mine.high], [theirs.mean, theirs.low, theirs.high], atol=1e-3
        )
    assert variance_over_tests(whole, "shift", "real") > 0
    words, numbers = zip(*(_apart(result.verdict()) for result in (found, whole)), strict=True)
    assert words[0] == words[1]
    # Records have five digits, so the last digit of a verdict may differ.
    np.testing.assert_allclose(*numbers, rtol=0, atol=0.011)
    assert found.best(generative=True) == whole.best(generative=True) in ("copies", "flow")
    assert [t.shape for t in found.left_out.values()] == [(3, 20)] * 4


def test_failed_arms_stay_in_the_table_with_their_error() -> None:
    tested = toy_protocol(copies=Failing(Log(), (0, 1, 2)))
    results = tested.run(False)
    table = tested.table(results)
    assert "| copies | failed |" in table
    assert "copies failed: RuntimeError: planned" in table
    result = tested.result(results, ROWS)
    assert result is not None
    assert result.best(generative=True) == "flow"
    assert list(tested.figures(results)) == ["gains"]
    assert "copies" not in result.scores()


def test_failed_arms_are_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    failing = Failing(Log(), (1,))
    failed = toy_protocol(copies=failing).run(False)
    assert [(t["seed"], t["arm"]) for t in failed["trials"] if t["error"]] == [(1, "copies")]
    capsys.readouterr()
    tested = toy_protocol(copies=failing)
    results = tested.run(False)
    assert capsys.readouterr().out == "1/1 copies \n"
    result = tested.result(results, ROWS)
    assert result is not None
    assert result.trials["error"].isna().all()
    assert "failed" not in tested.table(results)


def test_seeds_count_when_they_have_every_arm() -> None:
    tested = toy_protocol()
    results = tested.run(False)
    results["trials"] = [t for t in results["trials"] if (t["seed"], t["arm"]) != (1, "shift")]
    result = tested.result(results, ROWS)
    assert result is not None
    assert sorted(set(result.trials["seed"])) == [0, 2]
    assert tested.result({"trials": []}, ROWS) is None
    assert [line[:2] for line in tested.found(results)] == [[ROWS, "2"]]
    assert tested.table({"trials": []}) == ""
    assert tested.found({"trials": []}) == []
    assert tested.figures({"trials": []}) == {}


def rows(validation: float, tests: Sequence[float]) -> list[tuple[float, float] | None]:
    return [(validation, test) for test in tests]


@pytest.mark.parametrize(
    "gan, goal, words",
    [
        (
            (0.85, 0.86, 0.87),
            Goal(4.0, score=85),
            "The goal is reached: a gain of 4 points (found +5.00)",
        ),
        ((0.85, 0.86, 0.87), Goal(6.0), "The goal is missed: a gain of 6 points (found +5.00)."),
        ((0.99, 0.80, 0.79), Goal(1.0), "The goal is missed: an interval above 0 (from -"),
        (
            (0.85, 0.86, 0.87),
            Goal(1.0, score=90),
            "The goal is missed: a balanced accuracy of 90% (found 86.0).",
        ),
        (
            (0.85, 0.86, 0.87),
            Goal(1.0, worst_class=10),
            "The goal is missed: +10 points of worst-class recall (+5.0).",
        ),
        ((0.85, 0.86), Goal(1.0), "The goal needs at least 3 seeds to be judged."),
    ],
)
def test_goal_is_judged_on_the_arms_chosen_on_validation(
    gan: Sequence[float], goal: Goal, words: str
) -> None:
    arms: Mapping[str, Any] = {
        "real": rows(0.8, (0.80, 0.81, 0.82)[: len(gan)]),
        "weak": rows(0.5, (0.9, 0.9, 0.9)[: len(gan)]),  # better on test rows, which select nothing
        "gan": rows(0.8, gan),
    }
    assert judge(goal, make_result(arms)).startswith(words)


def test_compared_arms_are_those_selected_on_validation() -> None:
    scores: Mapping[str, Any] = {
        "real": rows(0.8, (0.80, 0.81, 0.82)),
        "weak": rows(0.5, (0.9, 0.9, 0.9)),
        "gan": rows(0.8, (0.85, 0.86, 0.87)),
    }
    assert compared(make_result(scores)) == ["real: 81.0", "gan: 86.0", "+5.00 [+5.00, +5.00]"]
    assert compared(make_result({"real": rows(0.8, (0.8, 0.8, 0.8))})) == ["real: 80.0", "none", ""]


@pytest.mark.parametrize("order", ["published order", "shuffled order"])
def test_longtail_trains_on_the_published_counts(
    order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.zeros((60000, 8, 8), np.uint8)
    images[:, 0, :4] = (
        np.arange(60000)[:, None] // np.array([1, 256, 65536, 10**9]) % 256
    )  # no two images are equal
    data = Data("zeros", images, np.arange(60000) % 10, test=(images[:10] + 1, np.arange(10)))
    monkeypatch.setattr(longtail, "images", lambda name, quick: data)
    drawn = []
    for seed in (0, 1):
        study = longtail.make("zeros", order, Setup(("real",), longtail.STEPS), seed, False)
        split = study.check().task.split(seed)
        counts = np.bincount(split.train.codes)
        assert sorted(counts, reverse=True) == list(longtail.COUNTS)
        np.testing.assert_allclose(np.bincount(split.validation.codes), 0.3 * counts)
        drawn.append(counts.tolist())
    assert (drawn[0] == drawn[1] == list(longtail.COUNTS)) is (order == "published order")


def test_generative_arms_are_recognised() -> None:
    setup = Setup((), longtail.STEPS)
    arms = longtail.arms("shift")
    generative = [arm for arm in arms if protocol.is_generative(arm, setup)]
    assert generative == [
        arm for arm in arms if any(word in arm for word in ("vae", "gan", "flow"))
    ]
    assert "oversample+gan:1:share=0.25+randaugment" in generative


def test_missing_cifar_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEN_AUGMENT_DATA", str(tmp_path))
    with pytest.raises(InputError, match="cifar10-jpeg is missing: put CIFAR-10 there"):
        lowdata.cifar_folder()
    (tmp_path / "cifar10-jpeg").mkdir()
    assert lowdata.cifar_folder() == tmp_path / "cifar10-jpeg"


class Remembers(BaseEstimator):
    """A sampler that stores its training rows and returns black images."""

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Remembers":
        self.seen_ = X, y
        return self

    def sample(self, y: dict[Any, int]) -> tuple[np.ndarray, np.ndarray]:
        labels = np.repeat(list(y), list(y.values()))
        return np.zeros((len(labels), *self.seen_[0].shape[1:]), np.uint8), labels


def test_models_of_the_source_are_saved(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run fits the missing models alone, and gets the same weights."""
    toys = transfer.Classes(toy_data(), toy_data())
    monkeypatch.setattr(transfer, "WORK", folder)
    monkeypatch.setattr(transfer, "SOURCE_STEPS", dict.fromkeys(transfer.SOURCE_STEPS, 2))
    monkeypatch.setattr(transfer, "split_classes", lambda seed, quick: toys)

    def learned() -> tuple[transfer.Source, dict[str, float]]:
        transfer.source.cache_clear()
        found = transfer.source(0, False)
        return found, {
            file.name: file.stat().st_mtime_ns for file in folder.glob("*/*/*.safetensors")
        }

    first, files = learned()
    assert sorted(files) == [f"{name}.safetensors" for name in ("classifier", "flow", "paired")]
    next(folder.glob("*/*/flow.safetensors")).unlink()
    again, rewritten = learned()
    assert [name for name in files if files[name] != rewritten[name]] == ["flow.safetensors"]
    for name in ("flow", "paired"):
        rows = [source.samplers[name].sample(4, random_state=0)[0] for source in (first, again)]
        np.testing.assert_array_equal(*rows)
    assert all(torch.equal(weights, again.weights[name]) for name, weights in first.weights.items())


def test_hard_classes_get_more_rows() -> None:
    """Two classes cannot be told apart. The third is bright."""
    rng = np.random.default_rng(0)
    y = np.repeat(["even", "odd", "bright"], 40)
    X = (rng.integers(0, 100, (120, 8, 8)) + 150 * (y == "bright")[:, None, None]).astype(np.uint8)
    rows, labels = ablation.HardClasses(Remembers(), 60)(X, y, 0)
    assert (rows[:120] == X).all()
    assert (labels[:120] == y).all()
    assert not rows[120:].any()
    made = dict(zip(*np.unique(labels[120:], return_counts=True), strict=True))
    assert sum(made.values()) == 120
    assert made["bright"] <= 4
    assert min(made["even"], made["odd"]) > 30


def test_shifted_rows_are_complete() -> None:
    X = np.zeros((6, 28, 28), np.uint8)
    X[:, 10:15, 12:18] = np.arange(1, 7)[:, None, None]
    seen, labels = ablation.Shifted(Remembers()).fit(X, np.arange(6)).fitted_.seen_
    np.testing.assert_array_equal(labels, np.tile(np.arange(6), 5))
    np.testing.assert_array_equal(seen.sum(axis=(1, 2)), 30 * (labels + 1))
    corners = {tuple(np.argwhere(image).min(axis=0).tolist()) for image in seen}
    assert corners <= {(10 + down, 12 + right) for down in range(-2, 3) for right in range(-2, 3)}
    assert len(corners) > 5


def test_copies_repeat_the_rows_of_each_class_in_order() -> None:
    X, y = np.arange(5)[:, None], np.array([0, 1, 0, 1, 1])
    made = (
        ablation.Copies()
        .fit(X, y)
        .generate(np.array([0, 2, 4, 1, 3, 5, 7]), np.array([0, 0, 0, 1, 1, 1, 1]))
    )
    assert made.ravel().tolist() == [0, 2, 0, 1, 3, 4, 1]
