"""All commands: bad input gives one line and an exit code."""

import io
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from gen_augment import cli
from gen_augment.cli import main
from tests.cli.toys import Run, everything_below, write_images, write_table


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
        "a table is a file of .csv, .tsv, .parquet, .arff, .dat, not '.txt'",
    ),
    "one image": (
        ("fit", "t.png", "-o", "out"),
        "a table is a file of .csv, .tsv, .parquet, .arff, .dat, not '.png'",
    ),
    "empty folder": (
        ("fit", "no-folder", "-o", "out"),
        "not a folder of one folder of images for each class",
    ),
    "cut image": (("fit", "cut", "-o", "out"), "0.png cannot be read as an image"),
    "tiny images": (
        ("fit", "tiny", "-o", "out"),
        "4 x 4 px: 1, 3 or 4 channels and sides of 8 to 1,024 px are supported",
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
    "foreign model": (
        ("sample", "foreign", "-o", "out.csv"),
        "is a safetensors file that gen_augment has not written",
    ),
    "unknown label": (
        ("sample", "M", "--label", "moves", "-o", "out.csv"),
        "label 'moves' was not seen in fit",
    ),
    "table in a folder": (
        ("sample", "M", "-o", "out"),
        "out: table rows are written to a .csv or .tsv or .parquet file",
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
def test_bad_input_gives_one_line(
    arguments: tuple[Any, ...], message: str, run: Run, tmp_path: Path, table_model: Path
) -> None:
    write_bad_inputs(tmp_path)
    before = everything_below(tmp_path)
    code, out, err = run(*(table_model if argument == "M" else argument for argument in arguments))
    told, _, error = err.rpartition("error: ")
    assert message in error
    assert error.count("\n") == 1
    # Before a fit, the command reports how the columns of a CSV file were read, and nothing else.
    assert not told or (told.startswith("column ") and told.count("\n") == 5)
    assert told == "" or arguments[1] in ("infinite.csv", "one.csv", "ids.csv")
    assert (code, out) == (2, "")
    assert everything_below(tmp_path) == before
    assert (tmp_path / "file").read_text() == "kept"


def test_help_is_shown_without_arguments(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (2, "")
    assert all(command in out for command in ("fit", "sample", "study"))
    code, out, err = run("sample", "--help")
    assert (code, err) == (0, "")
    assert "--label" in out


def test_a_label_that_the_encoding_lacks_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    monkeypatch.setattr(cli, "app", lambda *args, **kwargs: sys.stdout.write("Łódź"))
    with pytest.raises(SystemExit) as ended:
        main([])
    sys.stdout.flush()
    assert (ended.value.code, written.getvalue()) == (4, b"??d?")


def test_a_warning_is_one_line_without_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "formatwarning", None)
    monkeypatch.setattr(cli, "app", lambda *args, **kwargs: 0)
    with pytest.raises(SystemExit):
        main([])
    assert warnings.formatwarning("said\nhere", UserWarning, "f.py", 1) == "warning: said here\n"
