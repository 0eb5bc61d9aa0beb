"""``gen-augment fit``: files in, models out, and training that was interrupted."""

import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import datasets
from torchvision.datasets import ImageFolder

from gen_augment import ConditionalFlow, ConditionalGAN, ConditionalVAE, load_sampler
from gen_augment.data import reading, stored, streams
from gen_augment.modalities.table import files
from tests.cli.toys import Run, everything_below, start, wait_for, write_images, write_table
from tests.data.test_streams import write_folder


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_sampler_of_a_table_is_fitted_and_sampled(suffix: str, run: Run, tmp_path: Path) -> None:
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


def test_a_large_folder_of_parquet_files_is_read_in_parts(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FIRST_ROWS", 100)
    monkeypatch.setattr(stored, "SAMPLE_ROWS", 200)
    monkeypatch.setattr(streams, "PART_ROWS", 64)
    every, lengths = streams._ArrowStream.parts, []

    def parts(self: Any) -> Any:
        for X, y in every(self):
            lengths.append(len(y))
            yield X, y

    monkeypatch.setattr(streams._ArrowStream, "parts", parts)
    monkeypatch.setattr(reading, "read_all", None)  # nothing is read into memory
    n = 600
    codes = [f"CUST-{number:05d}" for number in range(n)]
    frame = pd.DataFrame({"code": codes, "age": np.arange(n) % 50, "y": ["a", "b"] * (n // 2)})
    write_folder(tmp_path / "rows", frame[:250], frame[250:])
    fit = ("fit", "rows", "--target", "y", "--sampler", "vae", "--steps", 2, "-o", "m")
    code, out, err = run(*fit)
    assert (code, out) == (0, "ConditionalVAE fitted on 600 rows of rows in 2 steps: m\n")
    assert "rows: columns are read as the first 100 rows suggest." in err
    assert "identifies single rows" in " ".join(err.split())
    assert (sum(lengths), max(lengths) <= 64) == (2 * n, True)
    model = load_sampler("m")
    assert list(model.sample(3)[0]) == ["age"]
    assert model.codec_.modality.file.drop == ("code",)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run("fit", "rows", "--target", "y", "--sampler", "bootstrap", "-o", "b")[0] == 0
    assert list(load_sampler("b").sample(3)[0]) == ["code", "age"]
    code, _, err = run(*fit[:3], "z", *fit[4:])
    assert (code, "rows: there is no column 'z'" in err) == (2, True)


def test_texts_have_a_language_model_by_default(run: Run) -> None:
    texts = [f"where is my card {number}?" for number in range(20)]
    pd.DataFrame({"said": texts, "topic": ["lost", "late"] * 10}).to_csv("t.csv", index=False)
    code, out, _ = run(
        "fit", "t.csv", "--text", "said", "--target", "topic", "--steps", 2, "-o", "m"
    )
    assert (code, out) == (0, "LanguageSampler fitted on 20 rows of t in 2 steps: m\n")


def test_parameters_of_the_sampler(run: Run, tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv")
    fit = ("fit", "t.csv", "--target", "churn", "-o", "m", "--sampler", "vae", "--steps", 1)
    assert run(*fit, "--set", "width=8")[0] == 0
    assert load_sampler("m").width == 8
    for bad, words in (("depth=3", "--set depth: ConditionalVAE has only"), ("x", "NAME=VALUE")):
        code, _, err = run(*fit, "--set", bad)
        assert code != 0
        assert words in " ".join(err.split())


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
def test_a_sampler_of_an_image_folder_is_fitted_and_sampled(
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


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_an_interrupted_fit_is_resumed(run: Run, tmp_path: Path) -> None:
    command = ("fit", "wine", "-o", "m", "--steps", 600, "--batch-size", 4, "--device", "cpu")
    process = start(*command, cwd=tmp_path)
    wait_for(tmp_path / "m.partial", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "the same command with --resume continues from m.partial" in err
    assert everything_below(tmp_path) == ["m.partial"]
    partial = ConditionalFlow.load(tmp_path / "m.partial", device="cpu")
    assert 250 <= partial.n_steps_ < 600
    assert partial.sample(3)[0].shape == (3, 13)

    code, out, _ = run(*command, "--resume")
    assert (code, out) == (0, "ConditionalFlow fitted on 178 rows of wine in 600 steps: m\n")
    assert everything_below(tmp_path) == ["m"]
    X, y = datasets.load_wine(return_X_y=True, as_frame=True)
    undisturbed = ConditionalFlow(max_steps=600, batch_size=4, random_state=0, device="cpu").fit(
        X, y
    )
    pd.testing.assert_frame_equal(
        load_sampler("m", device="cpu").sample(5)[0], undisturbed.sample(5)[0]
    )


def test_resuming_another_run_gives_one_line(run: Run, tmp_path: Path) -> None:
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


def test_bootstrap_keeps_identifiers_since_it_repeats_rows(run: Run) -> None:
    phones = [f"+47{40000000 + 7919 * number}" for number in range(40)]
    frame = pd.DataFrame({"phone": phones, "age": range(40), "y": ["a", "b"] * 20})
    frame.to_csv("t.csv", index=False, sep=";")
    for sampler, columns in {"bootstrap": ["phone", "age", "y"], "kde": ["age", "y"]}.items():
        code, _, err = run("fit", "t.csv", "--target", "y", "--sampler", sampler, "-o", "m")
        assert (code, err.count("columns are separated by ';'")) == (0, 1)
        run("sample", "m", "-n", 30, "-o", "new.csv", "--seed", 1)
        new = pd.read_csv("new.csv", dtype=str, sep=";")
        Path("new.csv").unlink()
        assert new.columns.tolist() == columns
        assert set(new.get("phone", [])) <= set(phones)
