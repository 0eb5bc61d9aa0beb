"""The command line as users meet it: files in, files out, one line for whatever is wrong."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn import datasets
from torchvision.datasets import ImageFolder

from gen_augment import ConditionalFlow, ConditionalGAN, ConditionalVAE, archive, cli, load_sampler
from gen_augment.cli import main
from gen_augment.data import Rows
from gen_augment.data.sources import LoadedData
from gen_augment.study import trial
from tests.conftest import toy_images, toy_table

Run = Callable[..., tuple[int, str, str]]
COMMAND = [sys.executable, "-m", "gen_augment.cli"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line in a new folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: Any) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return int(ended.value.code or 0), streams.out, streams.err

    return run_it


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def write_table(path: Path, *, labels: tuple[str, str] = ("stays", "goes")) -> pd.DataFrame:
    X, y = toy_table(40)
    frame = pd.DataFrame(
        {"score": X[:, 0], "visits": np.rint(X[:, 1] * 9).astype(int), "member": X[:, 2] > 0}
    )
    frame["churn"] = np.array(labels)[y]
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return frame


def write_images(root: Path, n: int = 12, channels: int = 1) -> Path:
    images, y = toy_images(n, channels=channels, seed=len(root.name))
    for number, (image, code) in enumerate(zip(images, y, strict=True)):
        folder = root / ("up", "down")[code]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze()).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def table_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved sampler of a table with labels "goes" and "stays"."""
    folder = tmp_path_factory.mktemp("table")
    frame = write_table(folder / "t.csv")
    model = ConditionalVAE(
        max_steps=2, batch_size=8, width=2, latent_dim=2, random_state=0, device="cpu"
    )
    model.fit(frame.drop(columns="churn"), frame["churn"]).save(folder / "m.safetensors")
    return folder / "m.safetensors"


# Fit and sample.


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_goes_in_and_comes_out(suffix: str, run: Run, tmp_path: Path) -> None:
    frame = write_table(tmp_path / f"t{suffix}")
    code, out, _ = run(
        "fit", f"t{suffix}", "--target", "churn", "-o", "m", "--steps", 3, "--batch-size", 8
    )
    assert code == 0
    assert out == "ConditionalFlow fitted on 40 rows of t in 3 steps: m\n"

    code, out, err = run("sample", "m", "-n", 11, "-o", f"new{suffix}", "--seed", 5)
    assert (code, out, err) == (0, f"11 synthetic rows: new{suffix}\n", "")
    new = pd.read_csv(f"new{suffix}") if suffix == ".csv" else pd.read_parquet(f"new{suffix}")
    assert len(new) == 11
    assert new.dtypes.to_dict() == frame.dtypes.to_dict()
    assert set(new["churn"]) <= {"stays", "goes"}
    assert new["visits"].between(frame["visits"].min(), frame["visits"].max()).all()
    assert everything_below(tmp_path) == sorted(["m", f"new{suffix}", f"t{suffix}"])


def test_fit_is_the_fit_of_python(run: Run, tmp_path: Path) -> None:
    frame = write_table(tmp_path / "t.csv")
    run(
        "fit",
        "t.csv",
        "--target",
        "churn",
        "-o",
        "m",
        "--sampler",
        "gan",
        "--steps",
        3,
        "--batch-size",
        8,
        "--seed",
        7,
    )
    model = ConditionalGAN(max_steps=3, batch_size=8, random_state=7, device="cpu")
    expected, labels = model.fit(frame.drop(columns="churn"), frame["churn"]).sample(
        5, random_state=2
    )
    run("sample", "m", "-n", 5, "--seed", 2, "-o", "new.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet("new.parquet"), expected.assign(churn=labels))


def test_part_of_each_class_keeps_the_name_of_the_labels(run: Run, tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv")
    code, out, _ = run(
        "fit", "t.csv", "--target", "churn", "-o", "m", "--per-class", 7, "--steps", 1
    )
    assert (code, out) == (0, "ConditionalFlow fitted on 14 rows of t in 1 steps: m\n")
    run("sample", "m", "-n", 3, "-o", "new.csv")
    assert pd.read_csv("new.csv").columns.tolist() == ["score", "visits", "member", "churn"]


@pytest.mark.parametrize("channels, mode", [(1, "L"), (3, "RGB")])
def test_a_folder_of_images_goes_in_and_comes_out(
    channels: int, mode: str, run: Run, tmp_path: Path
) -> None:
    write_images(tmp_path / "in", channels=channels)
    assert run("fit", "in", "-o", "m", "--steps", 2, "--batch-size", 4)[0] == 0
    assert run("sample", "m", "-n", 2, "--label", "up", "--label", "down", "-o", "a/new")[0] == 0
    dataset = ImageFolder("a/new")
    assert dataset.classes == ["down", "up"]
    assert dataset.targets == [0, 0, 1, 1]
    for path, _ in dataset.samples:
        with Image.open(path) as image:
            assert (image.mode, image.size) == (mode, (12, 12))


def test_train_and_test_folders_fit_on_train(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in" / "train", 10)
    write_images(tmp_path / "in" / "test", 6)
    code, out, _ = run("fit", "in", "-o", "m", "--steps", 1, "--batch-size", 4)
    assert (code, out) == (0, "ConditionalFlow fitted on 10 rows of in in 1 steps: m\n")


def test_digits_by_name(run: Run, tmp_path: Path) -> None:
    assert (
        run("fit", "digits", "--per-class", 4, "-o", "m", "--steps", 2, "--grid", "grids")[0] == 0
    )
    assert run("sample", "m", "--label", 3, "-n", 2, "-o", "new")[0] == 0
    assert [path for path in everything_below(tmp_path / "new") if "/" in path] == [
        "3/000000.png",
        "3/000001.png",
    ]
    assert (
        max(np.asarray(Image.open(path)).max() for path in (tmp_path / "new").rglob("*.png")) <= 255
    )


def test_samples_replay_by_their_seed(table_model: Path, run: Run) -> None:
    files = {}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert run("sample", table_model, "-n", 20, "--seed", seed, "-o", f"{name}.csv")[0] == 0
        files[name] = Path(f"{name}.csv").read_bytes()
    assert files["a"] == files["b"] != files["c"]


def test_counts_by_label_are_exact(table_model: Path, run: Run) -> None:
    assert run("sample", table_model, "-n", 7, "--label", "goes", "-o", "a.csv")[0] == 0
    assert pd.read_csv("a.csv")["churn"].tolist() == ["goes"] * 7
    assert (
        run("sample", table_model, "-n", 2, "--label", "stays", "--label", "goes", "-o", "b.csv")[0]
        == 0
    )
    assert pd.read_csv("b.csv")["churn"].tolist() == ["stays"] * 2 + ["goes"] * 2


@pytest.mark.parametrize("labels", [[-1, 2], [0.0, 1.0], [False, True]])
def test_labels_that_are_no_text_are_written_as_text(
    labels: list[Any], run: Run, tmp_path: Path
) -> None:
    X, y = toy_table(20)
    model = ConditionalVAE(
        max_steps=1, batch_size=4, width=2, latent_dim=2, random_state=0, device="cpu"
    )
    model.fit(X, np.array(labels)[y]).save(tmp_path / "m")
    assert run("sample", "m", "-n", 2, f"--label={labels[0]}", "-o", "new.csv")[0] == 0
    assert pd.read_csv("new.csv")["label"].tolist() == [labels[0]] * 2


def test_names_that_look_like_markup_are_shown_as_they_are(table_model: Path, run: Run) -> None:
    name = "[red]a[/] " + "long " * 30 + ".csv"
    assert run("sample", table_model, "-n", 2, "-o", name)[1] == f"2 synthetic rows: {name}\n"


# Study.

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


def test_another_study_in_the_folder_is_one_line(run: Run) -> None:
    command = ("study", "wine", *NAIVE_BAYES, "--arms", "real", *STUDY, "-o", "r.html")
    assert run(*command)[0] == 0
    report = Path("r.html").read_bytes()
    code, _, err = run(*command, "--per-class", 20)
    assert code == 2
    assert err.startswith("error: r-trials holds another study")
    assert err.count("\n") == 1
    assert Path("r.html").read_bytes() == report


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Let training number so-and-so of a study end in Ctrl-C."""
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


def test_an_interrupted_study_reports_what_there_is_and_goes_on(
    run: Run, interrupt_at: Any
) -> None:
    command = ("study", "wine", *NAIVE_BAYES, "--arms", "real,oversample", *STUDY, "-o", "r.html")
    interrupt_at(4)
    code, out, err = run(*command)
    assert code == 130
    assert err == "interrupted: the same command continues with the remaining trials.\n"
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


def test_failed_trials_are_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "import torch\ndef narrow():\n    return torch.nn.Linear(2, 3)\n"
    )
    code, out, err = run(
        "study", "wine", "--model", "net.py:narrow", "--arms", "real", *STUDY, "-o", "r.html"
    )
    assert code == 0
    assert [line[:30] for line in err.splitlines()] == [
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
def test_what_is_recommended_is_saved_or_nothing_is(
    helps: bool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gen_augment.study.search._decided", lambda compared, margin: helps)
    monkeypatch.setattr("gen_augment.cli.studying.DEFAULT_SAMPLERS", ("vae",))
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


# What is wrong is one line and exit code 2.


def write_bad_inputs(folder: Path) -> None:
    frame = write_table(folder / "t.csv")
    frame.assign(score=np.inf).to_csv(folder / "infinite.csv", index=False)
    frame.assign(churn=np.linspace(0.1, 1, len(frame))).to_csv(
        folder / "regression.csv", index=False
    )
    frame.assign(churn="all").to_csv(folder / "one.csv", index=False)
    frame.assign(churn=range(len(frame))).to_csv(folder / "ids.csv", index=False)
    frame.iloc[:0].to_csv(folder / "empty.csv", index=False)
    (folder / "broken.parquet").write_bytes(b"PAR1")
    (folder / "t.txt").write_text("x")
    (folder / "no-folder").mkdir()
    write_images(folder / "images")
    write_images(folder / "cut")
    (folder / "cut" / "up" / "0.png").write_bytes(
        (folder / "images" / "up" / "0.png").read_bytes()[:40]
    )
    Image.new("L", (4, 4)).save(folder / "t.png")
    for label in ("a", "b"):
        (folder / "tiny" / label).mkdir(parents=True)
        for number in range(2):
            Image.new("L", (4, 4)).save(folder / "tiny" / label / f"{number}.png")
    (folder / "file").write_text("kept")
    (folder / "model").write_bytes(b"no model")
    save_file({"a": torch.zeros(1)}, folder / "foreign")
    (folder / "full").mkdir()
    (folder / "full" / "inside").write_text("kept")


FIT = ("--target", "churn", "-o", "out", "--steps", 1)
BAD_COMMANDS: dict[str, tuple[tuple[Any, ...], str]] = {
    "no data": (("fit",), "Missing argument 'DATA'"),
    "no output": (("fit", "wine"), "Missing option"),
    "no command": (("train",), "No such command 'train'"),
    "no option": (("fit", "wine", "--depth", 3), "No such option"),
    "no number": (("fit", "wine", "--steps", "many", "-o", "out"), "Invalid value for '--steps'"),
    "no steps": (("fit", "wine", "--steps", 0, "-o", "out"), "Invalid value for '--steps'"),
    "negative seed": (("fit", "wine", "--seed", -1, "-o", "out"), "Invalid value for '--seed'"),
    "unknown sampler": (
        ("fit", "wine", "--sampler", "ode", "-o", "out"),
        "sampler 'ode' is not one of flow, gan, paired, vae",
    ),
    "unknown data": (("fit", "cats", "-o", "out"), "'cats' is neither one of digits"),
    "unknown device": (("fit", "wine", "--device", "abacus", "-o", "out"), "device='abacus'"),
    "unknown precision": (
        ("fit", "wine", "--precision", "8", "-o", "out"),
        "precision='8' is not one of",
    ),
    "precision untrained": (
        ("fit", "wine", "--sampler", "smote", "--precision", "32-true", "-o", "out"),
        "takes no precision",
    ),
    "no target": (("fit", "t.csv", "-o", "out"), "no target column was named; columns: score"),
    "unknown target": (
        ("fit", "t.csv", "--target", "sex", "-o", "out"),
        "there is no column 'sex'",
    ),
    "infinite values": (("fit", "infinite.csv", *FIT), "column 'score' of X contains infinity"),
    "measured labels": (("fit", "regression.csv", *FIT), "row 0 has 0.1"),
    "one class": (("fit", "one.csv", *FIT), "y holds only one class, 'all'"),
    "a class a row": (("fit", "ids.csv", *FIT), "needs at least 2 rows in every class"),
    "no rows": (("fit", "empty.csv", *FIT), "empty.csv has no rows"),
    "broken table": (("fit", "broken.parquet", *FIT), "broken.parquet cannot be read as parquet"),
    "text file": (
        ("fit", "t.txt", *FIT),
        "a table is a file of .csv, .parquet, .arff, .dat, not '.txt'",
    ),
    "one image": (
        ("fit", "t.png", "-o", "out"),
        "a table is a file of .csv, .parquet, .arff, .dat, not '.png'",
    ),
    "empty folder": (
        ("fit", "no-folder", "-o", "out"),
        "not a folder of one folder of images for each class",
    ),
    "cut image": (("fit", "cut", "-o", "out"), "0.png cannot be read as an image"),
    "tiny images": (
        ("fit", "tiny", "-o", "out"),
        "4 x 4 px: 1 or 3 channels and sides of 8 to 128 px work",
    ),
    "grid of no training": (
        ("fit", "wine", "--sampler", "smote", "-o", "out", "--grid", "grids"),
        "takes no grid",
    ),
    "grid of a table": (
        ("fit", "wine", "-o", "out", "--grid", "grids"),
        "SampleGrid draws pictures, and table rows have none",
    ),
    "grid in a file": (("fit", "images", "-o", "out", "--grid", "file"), "file"),
    "model in a folder": (("fit", "wine", "-o", "full"), "full is a folder: name a file to write"),
    "model below a file": (("fit", "wine", "-o", "file/out"), "cannot write file/out"),
    "model of a long name": (("fit", "wine", "-o", "n" * 300), "File name too long"),
    "no model": (("sample", "nothing", "-o", "out.csv"), "nothing is not a file"),
    "a folder as model": (("sample", "full", "-o", "out.csv"), "full is not a file"),
    "damaged model": (("sample", "model", "-o", "out.csv"), "model is not a readable archive"),
    "foreign model": (("sample", "foreign", "-o", "out.csv"), "not one that gen_augment wrote"),
    "unknown label": (
        ("sample", "M", "--label", "moves", "-o", "out.csv"),
        "label 'moves' was not seen in fit",
    ),
    "table in a folder": (
        ("sample", "M", "-o", "out"),
        "out: table rows are written to a .csv or .parquet file",
    ),
    "no rows asked": (("sample", "M", "-n", 0, "-o", "out.csv"), "Invalid value for '-n'"),
    "sample below a file": (("sample", "M", "-o", "file/out.csv"), "cannot write file/out.csv"),
    "sample of a long name": (("sample", "M", "-o", "n" * 300 + ".csv"), "File name too long"),
    "unknown arm": (
        ("study", "wine", "--arms", "real,ode", "-o", "out.html"),
        "arm 'ode': unknown step 'ode'",
    ),
    "unknown metric": (
        ("study", "wine", "--metric", "auc", "-o", "out.html"),
        "metric='auc' is not one of",
    ),
    "unknown model": (
        ("study", "wine", "--model", "sklearn.Nothing", "-o", "out.html"),
        "model 'sklearn.Nothing'",
    ),
    "unknown form": (
        ("study", "wine", "-o", "out.pdf"),
        "out.pdf: a report is written to a file that ends in .html",
    ),
    "unknown budget": (
        ("study", "wine", "--budget", "soon", "-o", "out.html"),
        "--budget 'soon': give a time such as",
    ),
    "unknown sizes": (
        ("study", "wine", "--sizes", "5;10", "-o", "out.html"),
        "--sizes '5;10': give rows",
    ),
    "too large sizes": (
        ("study", "wine", "--sizes", "500", "-o", "out.html"),
        "the training part has",
    ),
    "no jobs": (("study", "wine", "--jobs", 0, "-o", "out.html"), "n_jobs=0"),
    "report of nothing": (("report", "full", "-o", "out.html"), "full holds no result of a study"),
    "study without device": (
        ("study", "wine", "--device", "abacus", "-o", "out.html"),
        "device='abacus'",
    ),
    "study without precision": (
        ("study", "wine", "--precision", "8", "-o", "out.html"),
        "precision='8'",
    ),
    "too few rows": (
        ("study", "wine", "--per-class", 500, "-o", "out.html", "--seeds", 1),
        "per_class=500",
    ),
    "report in a folder": (("study", "wine", "-o", "full"), "full is a folder"),
    "report below a file": (("study", "wine", "-o", "file/out.html"), "cannot write file/out.html"),
}


@pytest.mark.parametrize("arguments, message", BAD_COMMANDS.values(), ids=BAD_COMMANDS)
def test_what_is_wrong_is_one_line(
    arguments: tuple[Any, ...], message: str, run: Run, tmp_path: Path, table_model: Path
) -> None:
    write_bad_inputs(tmp_path)
    before = everything_below(tmp_path)
    code, out, err = run(*(table_model if argument == "M" else argument for argument in arguments))
    told, _, error = err.rpartition("error: ")
    assert message in error
    assert error.count("\n") == 1
    # Before a CSV file is fitted, the command tells how its columns were read, and nothing else.
    assert not told or (told.startswith("column ") and told.count("\n") == 5)
    assert told == "" or arguments[1] in ("infinite.csv", "one.csv", "ids.csv")
    assert (code, out) == (2, "")
    assert everything_below(tmp_path) == before
    assert (tmp_path / "file").read_text() == "kept"


def test_what_is_there_is_never_overwritten_by_a_sample(
    run: Run, tmp_path: Path, table_model: Path
) -> None:
    (tmp_path / "out.csv").write_text("kept")
    code, _, err = run("sample", table_model, "-o", "out.csv")
    assert (code, err) == (
        2,
        "error: out.csv is there already: name a new one, or remove it first.\n",
    )
    assert (tmp_path / "out.csv").read_text() == "kept"

    write_images(tmp_path / "in")
    run("fit", "in", "-o", "m", "--steps", 1, "--batch-size", 4)
    before = everything_below(tmp_path)
    code, _, err = run("sample", "m", "-o", "in")
    assert (code, err) == (2, "error: in is there already: name a new one, or remove it first.\n")
    assert everything_below(tmp_path) == before


@pytest.mark.parametrize("label", ["../x", "/etc/x", "..", ""])
def test_labels_of_an_archive_cannot_write_outside(label: str, run: Run, tmp_path: Path) -> None:
    images, y = toy_images(8)
    model = ConditionalVAE(
        max_steps=1, batch_size=4, width=2, latent_dim=2, random_state=0, device="cpu"
    )
    (tmp_path / "deep").mkdir()
    model.fit(images, np.array([label, "z"])[y]).save(tmp_path / "m")
    code, _, err = run("sample", "m", "-n", 2, f"--label={label}", "-o", "deep/out")
    assert (code, err) == (2, f"error: label {label!r} cannot be the name of a folder.\n")
    assert everything_below(tmp_path) == ["deep", "m"]


def test_a_loss_that_diverges_is_exit_code_1(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path / "t.csv")
    monkeypatch.setattr(
        ConditionalFlow,
        "set_params",
        lambda self, **params: self.__init__(**vars(self) | params | {"lr": 1e30}),
    )
    code, _, err = run("fit", "t.csv", "--target", "churn", "-o", "m", "--steps", 50)
    assert code == 1
    assert err.splitlines()[-1].startswith("error: ")
    assert "became nan at step" in err or "became inf at step" in err
    assert everything_below(tmp_path) == ["t.csv"]


def test_help_is_shown_where_nothing_is_asked(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (2, "")
    assert all(command in out for command in ("fit", "sample", "study"))
    code, out, err = run("sample", "--help")
    assert (code, err) == (0, "")
    assert "--label" in out


# Interrupted, in processes of their own.


def start(*arguments: Any, cwd: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    for _ in range(6000):
        if path.exists() or process.poll() is not None:
            break
        time.sleep(0.01)
    assert path.exists(), process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_an_interrupted_fit_is_gone_on_with(run: Run, tmp_path: Path) -> None:
    command = ("fit", "wine", "-o", "m", "--steps", 1000, "--batch-size", 4, "--device", "cpu")
    process = start(*command, cwd=tmp_path)
    wait_for(tmp_path / "m.partial", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "the same command with --resume continues from m.partial" in err
    assert everything_below(tmp_path) == ["m.partial"]
    partial = ConditionalFlow.load(tmp_path / "m.partial", device="cpu")
    assert 250 <= partial.n_steps_ < 1000
    assert partial.sample(3)[0].shape == (3, 13)

    code, out, _ = run(*command, "--resume")
    assert (code, out) == (0, "ConditionalFlow fitted on 178 rows of wine in 1000 steps: m\n")
    assert everything_below(tmp_path) == ["m"]
    X, y = datasets.load_wine(return_X_y=True, as_frame=True)
    undisturbed = ConditionalFlow(max_steps=1000, batch_size=4, random_state=0, device="cpu").fit(
        X, y
    )
    pd.testing.assert_frame_equal(
        load_sampler("m", device="cpu").sample(5)[0], undisturbed.sample(5)[0]
    )


def test_resuming_another_run_is_one_line(run: Run, tmp_path: Path) -> None:
    command = ("fit", "wine", "-o", "m", "--steps", 300, "--batch-size", 2)
    model = ConditionalVAE(max_steps=2, batch_size=2, random_state=0, device="cpu")
    X, y = datasets.load_wine(return_X_y=True, as_frame=True)
    model.fit(X, y).save(tmp_path / "m.partial")
    before = (tmp_path / "m.partial").read_bytes()
    code, _, err = run(*command, "--resume")
    assert code == 2
    assert err.startswith("error: m.partial is a finished archive, not a checkpoint")
    assert err.count("\n") == 1
    assert (tmp_path / "m.partial").read_bytes() == before


def test_interrupted_before_the_first_step_is_exit_code_130(
    run: Run, tmp_path: Path, monkeypatch: Any
) -> None:
    def interrupted(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ConditionalFlow, "fit", interrupted)
    code, out, err = run("fit", "wine", "-o", "m")
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    assert everything_below(tmp_path) == []


def test_a_real_process_answers_alike(tmp_path: Path, table_model: Path) -> None:
    process = start("sample", table_model, "-n", 3, "-o", "new.csv", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "3 synthetic rows: new.csv\n", "")
    expected, labels = load_sampler(table_model, device="cpu").sample(3, random_state=0)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "new.csv"), expected.assign(churn=labels))


def test_an_archive_of_another_version_is_one_line(
    run: Run, tmp_path: Path, table_model: Path
) -> None:
    header, tensors = archive.read(table_model)
    archive.write(tmp_path / "m", header | {"format": 9}, tensors)
    code, _, err = run("sample", "m", "-o", "new.csv")
    assert (code, err) == (
        2,
        "error: m has archive format 9; this version of gen_augment reads format 1.\n",
    )


def test_a_label_that_the_encoding_lacks_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.setattr(cli, "app", lambda *args, **kwargs: sys.stdout.write("Łódź"))
    with pytest.raises(SystemExit) as ended:
        main([])
    sys.stdout.flush()
    assert (ended.value.code, written.getvalue()) == (4, b"??d?")
