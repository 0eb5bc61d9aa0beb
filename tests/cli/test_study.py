"""``gen-augment study`` and ``gen-augment report``: results, interruptions and other formats."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gen_augment import load_sampler
from gen_augment.data import Rows
from gen_augment.data.sources import LoadedData
from gen_augment.study import trial
from tests.cli.toys import Run, write_images, write_table
from tests.conftest import toy_images

STUDY = ("--seeds", 2, "--steps", 3, "--sampler-steps", 2)


def trials_of(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(folder, "trials.jsonl").read_text().splitlines()]


def test_a_study_of_images_run_twice_repeats_no_trial(run: Run) -> None:
    command = (
        "study",
        "digits",
        "--per-class",
        6,
        "--arms",
        "real, vae+shift",
        *STUDY,
        "-o",
        "r.html",
    )
    code, out, _ = run(*command)
    trials = trials_of("r-trials")
    assert code == 0
    assert [(trial["arm"], trial["seed"], trial["error"]) for trial in trials] == [
        ("real", 0, None), ("vae+shift", 0, None), ("real", 1, None), ("vae+shift", 1, None),
    ]  # fmt: skip
    assert "No verdict: two seeds cannot tell." in out
    assert out.endswith("Report: r.html\nTrials: r-trials\n")
    assert "<html" in Path("r.html").read_text()
    assert len(json.loads(Path("r-trials/result.json").read_text())["trials"]) == 4

    assert run(*command)[0] == 0
    assert trials_of("r-trials") == trials


def test_a_study_of_a_table_with_text_labels(run: Run, tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet")
    model = "sklearn.linear_model.LogisticRegression"
    command = (
        "study",
        "t.parquet",
        "--target",
        "churn",
        "--model",
        model,
        "--arms",
        "real,oversample,gan",
    )
    code, out, _ = run(*command, *STUDY, "-o", "deep/r.html")
    assert code == 0
    assert "No verdict: two seeds cannot tell." in out
    assert {trial["arm"] for trial in trials_of("deep/r-trials")} == {"real", "oversample", "gan"}


def test_a_study_takes_the_test_part_of_a_folder(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in" / "train", 16)
    write_images(tmp_path / "in" / "test", 6)
    assert run("study", "in", "--arms", "real,vae", *STUDY, "-o", "r.html")[0] == 0
    record = json.loads(Path("r-trials/result.json").read_text())
    assert record["protocol"]["data"]["test"] == "6 fixed rows"
    assert [trial["error"] for trial in record["trials"]] == [None] * 4


def test_another_study_in_the_folder_gives_one_line(run: Run) -> None:
    command = ("study", "wine", *NAIVE_BAYES, "--arms", "real", *STUDY, "-o", "r.html")
    assert run(*command)[0] == 0
    report = Path("r.html").read_bytes()
    code, _, err = run(*command, "--per-class", 20)
    assert code == 2
    assert err.startswith("error: r-trials holds another study")
    assert err.count("\n") == 1
    assert Path("r.html").read_bytes() == report


def without_progress(err: str) -> list[str]:
    return [line for line in err.splitlines() if not line.startswith("trials: ")]


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Interrupt the training with this number as Ctrl-C does."""
    fit_predict = trial.fit_predict

    def interrupt(number: int | None) -> None:
        calls = []

        def fit_or_stop(*args: Any, **kwargs: Any) -> Any:
            calls.append(args)
            if len(calls) == number:
                raise KeyboardInterrupt
            return fit_predict(*args, **kwargs)

        monkeypatch.setattr(trial, "fit_predict", fit_or_stop)

    return interrupt


NAIVE_BAYES = ("--model", "sklearn.naive_bayes.GaussianNB")


def test_an_interrupted_study_reports_its_trials_and_resumes(run: Run, interrupt_at: Any) -> None:
    command = ("study", "wine", *NAIVE_BAYES, "--arms", "real,oversample", *STUDY, "-o", "r.html")
    interrupt_at(4)
    code, out, err = run(*command)
    assert code == 130
    assert without_progress(err) == [
        "interrupted: the same command continues with the remaining trials."
    ]
    assert out.endswith("Report: r.html\nTrials: r-trials\n")
    trials = trials_of("r-trials")
    assert [(trial["arm"], trial["seed"]) for trial in trials] == [
        ("real", 0),
        ("oversample", 0),
        ("real", 1),
    ]

    interrupt_at(None)
    assert run(*command)[0] == 0
    assert trials_of("r-trials")[:3] == trials
    assert len(trials_of("r-trials")) == 4


def test_a_study_interrupted_before_its_first_trial_reports_nothing(
    run: Run, interrupt_at: Any
) -> None:
    interrupt_at(1)
    code, out, _ = run("study", "wine", *NAIVE_BAYES, "--arms", "real", *STUDY, "-o", "r.html")
    assert (code, out) == (130, "")
    assert not Path("r.html").exists()


def test_failed_trials_are_reported(run: Run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\ndef narrow():\n    return torch.nn.Linear(2, 3)\n"
    )
    code, out, err = run(
        "study", "wine", "--model", "net.py:narrow", "--arms", "real", *STUDY, "-o", "r.html"
    )
    assert code == 0
    assert [line[:30] for line in without_progress(err)] == [
        "failed: real, seed 0: RuntimeE",
        "failed: real, seed 1: RuntimeE",
    ]
    assert "No verdict: no arm without synthetic rows finished all of its 2 trials." in out


@pytest.mark.parametrize("mirror", [True, False])
def test_only_images_with_a_mirror_image_are_flipped(
    mirror: bool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = LoadedData("toys", Rows.read(*toy_images(24)), mirror=mirror)
    monkeypatch.setattr("gen_augment.cli.loading.load_data", lambda source, **how: data)
    assert (
        run("study", "toys", "--seeds", 1, "--steps", 1, "--sampler-steps", 1, "-o", "r.html")[0]
        == 0
    )
    assert any("flip" in trial["arm"] for trial in trials_of("r-trials")) is mirror


def test_a_study_in_other_forms_within_a_budget(run: Run) -> None:
    command = (
        "study",
        "wine",
        *NAIVE_BAYES,
        "--arms",
        "real,oversample",
        "--seeds",
        3,
        "--budget",
        "5m",
        "-o",
        "r.md",
    )
    code, out, _ = run(*command)
    assert code == 0
    assert Path("r.md").read_text().startswith("# Did synthetic data help on wine?")
    for suffix in ("html", "csv", "parquet", "json"):
        code, again, _ = run("report", "r-trials", "-o", f"new.{suffix}")
        assert code == 0
        assert again.splitlines()[:-1] == out.splitlines()[:-2]
    assert len(pd.read_csv("new.csv")) == len(pd.read_parquet("new.parquet")) == 6


def test_a_learning_curve(run: Run) -> None:
    command = (
        "study",
        "wine",
        *NAIVE_BAYES,
        "--arms",
        "real,oversample",
        "--seeds",
        3,
        "--sizes",
        "5,10",
        "-o",
        "r.html",
    )
    assert run(*command)[0] == 0
    assert "How many training rows" in Path("r.html").read_text()
    assert {trial["arm"] for trial in trials_of("r-trials")} == {
        f"{arm}{size}" for arm in ("real", "oversample") for size in ("", "@5", "@10")
    }


@pytest.mark.slow
@pytest.mark.parametrize("helps", [True, False])
def test_recommended_rows_are_saved_or_nothing_is(
    helps: bool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gen_augment.study.search._decided", lambda compared, margin: helps)
    networks = "gen_augment.modalities.generators.GeneratorNetworks"
    monkeypatch.setattr(f"{networks}.default_samplers", ("vae",))
    monkeypatch.setattr("gen_augment.study.search.candidates", lambda *_: ["vae:1", "vae:0.5"])
    arguments = (
        "--seeds",
        1,
        "--sampler-steps",
        2,
        "--recommend",
        "best.safetensors",
        "-o",
        "r.html",
    )
    code, out, _ = run("study", "wine", *NAIVE_BAYES, *arguments)
    assert code == 0
    assert Path("best.safetensors").exists() is helps
    assert "<html" in Path("r.html").read_text()
    told = re.search(r"Trials: (\S+)", out)
    assert told
    assert run("report", told[1], "-o", "again.md")[0] == 0
    if helps:
        assert re.search(
            r"Use vae:\S+, fitted on all rows: best.safetensors\nSynthetic rows of each label: 0: ",
            out,
        )
        assert len(load_sampler("best.safetensors").sample(7)[0]) == 7
    else:
        assert "Use none: no use of these samplers was found to help." in out
