"""``gen-augment fit --epsilon``: budgets in words."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import ConditionalFlow, InputError, archive, load_sampler
from gen_augment.cli.private import private_budget
from gen_augment.data import Rows
from tests.cli.toys import Run, everything_below, write_table

FRAME = pd.DataFrame(
    {
        "age": [3, 4, 5, 6],
        "city": ["a", "b", "a", "b"],
        "day": pd.to_datetime(["2001-01-01"] * 4),
        "born": [datetime.date(2001, 1, 1)] * 4,
        "member": [True, False] * 2,
    }
)


def budget(
    *bounds: str, y: Any = (0, 1, 0, 1), classes: str | None = None, paid: bool = False
) -> Any:
    return private_budget(Rows.read(FRAME, list(y)), 2, 1e-5, list(bounds), classes, paid=paid)


def test_bounds_and_labels() -> None:
    found = budget("age=0..9?", "city=a,b,c", "day=2000-01-01..2002-01-01", classes="0,1,2")
    assert found.bounds == {
        "age": (0.0, 9.0, None),
        "city": ["a", "b", "c"],
        "day": ("2000-01-01", "2002-01-01"),
    }
    assert found.classes == [0, 1, 2]
    assert budget("day=2000-01-01..2002-01-01?").bounds == {
        "day": ("2000-01-01", "2002-01-01", None)
    }
    assert budget("born=2000-01-01..2002-01-01").bounds == {"born": ("2000-01-01", "2002-01-01")}
    assert budget("member=true,false").bounds == {"member": [True, False]}
    assert budget(classes="True,False", y=[True, False] * 2).classes == [True, False]
    assert budget("age=3,4").bounds == {"age": [3, 4]}
    assert budget("0..1").bounds == (0.0, 1.0)
    assert budget().bounds is None


def test_what_is_not_given_is_paid_for() -> None:
    found = budget("age=0..9", paid=True)
    paid = dict.fromkeys(("city", "day", "born"), "paid")
    assert found.bounds == {"age": (0.0, 9.0)} | paid
    assert found.classes == "paid"
    assert budget(paid=True, classes="0,1").classes == [0, 1]


@pytest.mark.parametrize("wrong", ["age=0..x", "age=3,four", "nothing"])
def test_bad_bounds(wrong: str) -> None:
    with pytest.raises(InputError, match="--bound"):
        budget(wrong)


def test_a_private_fit_writes_no_checkpoint(tmp_path: Path, run: Run) -> None:
    frame = write_table(tmp_path / "a.csv")
    frame["score"] = frame["score"].map("{:.2f}".format)
    frame.loc[3, "score"] = "n/a"
    frame.to_csv(tmp_path / "a.csv", index=False)
    command: list[Any] = ["fit", tmp_path / "a.csv", "--target", "churn", "--delta", 0.001]
    known = ["--bound", "score=-9..9?", "--bound", "visits=-80..80", "--classes", "goes,stays"]
    code, output, _ = run(
        *command, "--steps", 3, "--epsilon", 3, *known, "-o", tmp_path / "m.safetensors"
    )
    assert code == 0
    assert "private: epsilon=" in output
    assert "delta=0.001" in output
    assert everything_below(tmp_path) == ["a.csv", "m.safetensors"]
    header, _ = archive.read(tmp_path / "m.safetensors")
    assert header["privacy"]["delta"] == 0.001
    readings = header["codec"]["file"]["readings"]
    assert readings["score"] == "number"  # not how many decimals it has
    assert not any(word in str(header) for word in ("0.00'", "n/a", "training_rows"))
    rows = load_sampler(tmp_path / "m.safetensors").sample(9)[0]
    assert np.abs(rows["score"]).max() <= 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epsilon", 3], "On the command line: --classes A,B,C or --paid."),
        (
            ["--epsilon", 3, "--paid", "--bound", "visits=99..18"],
            "On the command line: --bound COLUMN=LOW..HIGH or --bound COLUMN=paid, or --paid for",
        ),
        (["--epsilon", 3, "--paid", "--bound", "visits=1..2,"], "'visits=1..2,' is not COLUMN=LOW"),
        (["--epsilon", 3, "--paid"], "On the command line: --bound COLUMN=FIRST..LAST."),
        (["--epsilon", 0, "--paid"], "epsilon=0"),
        (["--epsilon", 3, "--paid", "--resume"], "--resume is not possible"),
        (["--epsilon", 3, "--paid", "--sampler", "kde"], "KDESampler has no private training"),
        (["--epsilon", 3, "--classes", "goes,stays"], "has no public bounds"),
        (
            ["--epsilon", 3, "--paid", "--bound", "age=0..9", "--bound", "age=0..99"],
            "names the column 'age' twice",
        ),
        (["--epsilon", 3, "--bound", "0..1", "--bound", "age=0..99"], "2 bounds are given"),
    ],
)
def test_bad_input(arguments: list[Any], message: str, tmp_path: Path, run: Run) -> None:
    frame = write_table(tmp_path / "a.csv")
    days = pd.date_range("2001-01-01", periods=len(frame), freq="7D")
    frame.assign(joined=days).to_csv(tmp_path / "a.csv", index=False)
    code, _, error = run(
        "fit", tmp_path / "a.csv", "--target", "churn", *arguments, "-o", tmp_path / "m.safetensors"
    )
    assert code == 2
    assert message in error
    assert not (tmp_path / "m.safetensors").exists()


def test_whole_numbers_ignore_that_values_may_be_missing(tmp_path: Path, run: Run) -> None:
    write_table(tmp_path / "a.csv")
    known = ["--bound", "visits=-80..80?", "--bound", "score=-9..9", "--classes", "goes,stays"]
    fit = ["fit", "a.csv", "--target", "churn", "--steps", 1, "--epsilon", 3, "--delta", 0.001]
    assert run(*fit, *known, "-o", "m.safetensors")[0] == 0


def test_an_interrupted_private_fit_cannot_be_resumed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ConditionalFlow, "fit", interrupted)
    Path("m.partial").touch()  # of another fit
    code, _, err = run("fit", "wine", "-o", "m", "--epsilon", 3, "--paid")
    assert code == 130
    assert "m was not written. A private fit keeps no checkpoint and cannot be resumed" in err
