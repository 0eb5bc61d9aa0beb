"""The command line on mixed tables: from a CSV file to a sampler, to a file, and a study."""

import json
import re
from importlib import import_module
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gen_augment import GenAugmentError, Study, load_sampler
from gen_augment.cli import app
from gen_augment.data.sources import load_data
from tests.samplers.test_mixed import draw_mixed


@pytest.fixture
def table(tmp_path: Path) -> Path:
    X, y = draw_mixed(60)
    path = tmp_path / "mixed.csv"
    X.assign(since="2024-01-01", code=[f"2024-{i:02}" for i in range(60)], y=y).to_csv(
        path, index=False
    )
    return path


def run(*args: object) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.output


def test_dates_of_a_csv_are_dates(table: Path) -> None:
    X = load_data(table, target="y").rows.X
    assert X.dtypes["day"].kind == X.dtypes["since"].kind == "M"
    assert X.dtypes["kind"] == "str"
    assert "code" not in X  # it identifies single rows


@pytest.mark.parametrize("name", ["vae", "smote"])
def test_from_a_csv_to_a_parquet_file(name: str, table: Path) -> None:
    model, out = table.with_name("model"), table.with_name("out.parquet")
    steps = ["--steps", 3] if name == "vae" else []
    output = run("fit", table, "--target", "y", "--sampler", name, *steps, "-o", model)
    assert ("in 3 steps" in output) == (name == "vae")
    run("sample", model, "-n", 30, "--label", "yes", "-o", out)
    rows, X = pd.read_parquet(out), load_data(table, target="y").rows.X
    assert rows.drop(columns="y").dtypes.equals(X.dtypes)
    assert (rows["y"] == "yes").sum() == len(rows) == 30
    assert set(rows["kind"]) <= {"a", "b", "c"}
    run("bank", model, "-n", 20, "-o", table.with_name("bank"))


def test_rows_under_conditions(table: Path) -> None:
    model, out = table.with_name("model"), table.with_name("older.csv")
    run("fit", table, "--target", "y", "--sampler", "bootstrap", "-o", model)
    conditions = ["kind=a", "kind=c", "x=-1..2", "x=", "flag=true", "day=2024-02-01..", "count=..4"]
    flags = [part for text in conditions for part in ("--where", text)]
    run(
        "sample", model, "-n", 40, "--label", "yes", "--label", "no", *flags, "--seed", 3, "-o", out
    )
    rows = pd.read_csv(out)
    assert rows["y"].value_counts().to_dict() == {"yes": 40, "no": 40}
    assert rows["kind"].isin(["a", "c"]).all()
    assert (rows["x"].isna() | rows["x"].between(-1, 2)).all()
    assert rows["flag"].all()
    assert (rows["day"] >= "2024-02-01").all()
    assert (rows["count"] <= 4).all()
    where = {
        "kind": ["a", "c"],
        "x": [(-1, 2), None],
        "flag": True,
        "day": ("2024-02-01", None),
        "count": (None, 4),
    }
    X, _ = load_sampler(model).sample(y={"yes": 40, "no": 40}, where=where, random_state=3)
    pd.testing.assert_frame_equal(
        rows.drop(columns="y"), pd.read_csv(StringIO(X.to_csv(index=False)))
    )


def test_parts_under_conditions_are_those_of_one_call(
    monkeypatch: pytest.MonkeyPatch, table: Path
) -> None:
    monkeypatch.setattr(import_module("gen_augment.cli.sample"), "PART_ROWS", 7)
    model, out = table.with_name("model"), table.with_name("out.parquet")
    run("fit", table, "--target", "y", "--sampler", "kde", "-o", model)
    for labels, y, n in (
        ([], None, 40),
        (["--label", "yes", "--label", "no"], {"yes": 20, "no": 20}, 20),
    ):
        run("sample", model, "-n", n, *labels, "--where", "flag=True", "--seed", 2, "-o", out)
        count = None if y else n
        X, labelled = load_sampler(model).sample(count, y=y, where={"flag": True}, random_state=2)
        pd.testing.assert_frame_equal(pd.read_parquet(out), X.assign(y=labelled))
        out.unlink()


@pytest.mark.parametrize(
    "condition, message",
    [
        (
            "country=NO",
            "'country=NO' is not COLUMN=VALUE, COLUMN=LOW..HIGH or COLUMN=; columns: kind, x, flag",
        ),
        ("kind", "'kind' is not COLUMN=VALUE"),
        ("kind=z", r"where\['kind'\]='z' was not seen in fit; known: \['c', 'a', 'b'\]"),
        ("x=tall", "'tall' is not a value of float64"),
        ("x=5..1", "leaves nothing"),
        ("x=900..", "leaves nothing: .* was seen in fit"),
        ("day=1999-01-01..2001-01-01", "leaves nothing: 2024-01-0"),
        ("count=", "no value of that column was missing"),
        ("x=1.0001..1.00011", r"only 0 of \d+ rows meet the conditions"),
    ],
)
def test_conditions_that_cannot_be_met_write_nothing(
    condition: str, message: str, table: Path
) -> None:
    model, out = table.with_name("model"), table.with_name("out.csv")
    run("fit", table, "--target", "y", "--sampler", "bootstrap", "-o", model)
    before = sorted(table.parent.iterdir())
    result = CliRunner().invoke(
        app, ["sample", str(model), "-n", "5", "--where", condition, "-o", str(out)]
    )
    assert isinstance(result.exception, GenAugmentError)
    assert re.search(message, str(result.exception))
    assert sorted(table.parent.iterdir()) == before


def test_training_options_are_refused_without_training(table: Path) -> None:
    args = [
        "fit",
        str(table),
        "--target",
        "y",
        "--sampler",
        "smote",
        "--steps",
        "5",
        "-o",
        str(table) + ".model",
    ]
    result = CliRunner().invoke(app, args)
    assert result.exit_code != 0
    assert "SMOTESampler is not trained, so it takes no max_steps" in str(result.exception)


def test_a_study_of_a_mixed_table(table: Path) -> None:
    output = run(
        "study", table, "--target", "y", "--arms", "real,oversample,vae,bootstrap:0.5,smote,mixture",
        "--sampler-steps", 3, "--seeds", 2, "-o", table.with_name("study.html"),
    )  # fmt: skip
    assert "No verdict: two seeds cannot tell" in " ".join(output.split())
    assert "failed" not in output.lower()


def test_a_column_of_groups_is_no_feature_and_is_never_split_up(table: Path) -> None:
    frame = pd.read_parquet(table) if table.suffix == ".parquet" else pd.read_csv(table)
    frame["patient"] = np.arange(len(frame)) // 4
    path = table.with_name("visits.parquet")
    frame.to_parquet(path)
    args = [
        "study",
        path,
        "--target",
        "y",
        "--arms",
        "real",
        "--seeds",
        1,
        "-o",
        path.with_suffix(".json"),
    ]
    run(*args, "--groups", "patient")
    found = json.loads(path.with_suffix(".json").read_text())["protocol"]["data"]
    assert (found["groups"], found["rows"]) == (-(-len(frame) // 4), len(frame))
    for data, column in ((path, "customer"), ("digits", "patient")):
        result = CliRunner().invoke(
            app, list(map(str, ["study", data, "--target", "y", "--groups", column]))
        )
        assert f"--groups '{column}': there is no such column" in str(result.exception)


@pytest.mark.parametrize(
    "arm, needs",
    [
        ("adasyn", "columns of numbers without missing values"),
        ("smotenc", "columns without missing values"),
    ],
)
def test_unsupported_baselines_of_a_table_are_reported(arm: str, needs: str, table: Path) -> None:
    line = ["study", str(table), "--target", "y", "--arms", f"real,{arm}", "--seeds", "1"]
    result = CliRunner().invoke(app, [*line, "-o", str(table.with_name("s.html"))])
    assert str(result.exception) == f"arm '{arm}': {arm} needs {needs}: use smote."
    assert not table.with_name("s.html").exists()


def test_default_arms_of_a_table_hold_what_imbalanced_learn_has_and_the_densities(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(Study, "run", lambda study, *_, **__: asked.extend(study.check().arms))
    CliRunner().invoke(app, ["study", str(table), "--target", "y"])
    baselines = ["real", "oversample", "weights", "threshold", "smote"]
    assert asked == [*baselines, "flow", "gan", "vae", "kde", "mixture"]
