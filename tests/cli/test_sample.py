"""``gen-augment sample``: rows of every form as files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import ConditionalVAE, archive, load_sampler
from tests.cli.toys import Run, everything_below, start, write_images
from tests.conftest import toy_images, toy_table


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


def test_samples_replace_a_file_and_no_folder(run: Run, tmp_path: Path, table_model: Path) -> None:
    (tmp_path / "out.csv").write_text("old")
    code, _, err = run("sample", table_model, "-n", 2, "-o", "out.csv")
    assert (code, err) == (0, "out.csv exists, and will be replaced.\n")
    assert len(pd.read_csv("out.csv")) == 2

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


def test_a_real_process_answers_alike(tmp_path: Path, table_model: Path) -> None:
    process = start("sample", table_model, "-n", 3, "-o", "new.csv", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "3 synthetic rows: new.csv\n", "")
    expected, labels = load_sampler(table_model, device="cpu").sample(3, random_state=0)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "new.csv"), expected.assign(churn=labels))


def test_an_archive_of_another_version_gives_one_line(
    run: Run, tmp_path: Path, table_model: Path
) -> None:
    header, tensors = archive.read(table_model)
    archive.write(tmp_path / "m", header | {"format": 9}, tensors)
    code, _, err = run("sample", "m", "-o", "new.csv")
    assert (code, err) == (
        2,
        "error: m has archive format 9; this version of gen_augment reads format 1.\n",
    )
