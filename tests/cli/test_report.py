"""``gen-augment report``: the report of a study in another form."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from gen_augment import InputError
from gen_augment.cli import terminal
from gen_augment.cli.report import FORMATS, check_format, print_result
from gen_augment.study.result_files import save_result
from tests.cli.toys import Run
from tests.study.small_studies import X, Y
from tests.study.toys import small_study


def test_every_format_is_written_from_the_folder_of_a_study(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "trials"
    result = small_study(X, Y, n_seeds=3).run(folder)
    save_result(result, folder)
    for suffix in FORMATS:
        code, out, _ = run("report", folder, "-o", f"new{suffix}")
        assert code == 0
        assert result.verdict() in out
        assert f"Report: new{suffix}" in out
    assert len(pd.read_csv("new.csv")) == len(pd.read_parquet("new.parquet")) == 6
    assert result.verdict() in Path("new.md").read_text()
    assert json.loads(Path("new.json").read_text())["verdict"] == result.verdict()
    assert "<html" in Path("new.html").read_text()


def test_neither_the_study_nor_a_closed_output_costs_the_report(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "trials"
    small_study(X, Y, n_seeds=1).run(folder)
    for path in folder.glob("*.json"):
        before = path.read_bytes()
        code, _, error = run("report", folder, "-o", path)
        assert code == 2
        assert "is an input of this command" in error
        assert path.read_bytes() == before

    def closed(*args: object, **kwargs: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(terminal.out, "print", closed)
    assert run("report", folder, "-o", "r.html")[0] != 0
    assert "<html" in Path("r.html").read_text()


def test_unreadable_and_unwritable_files_give_one_line(run: Run, tmp_path: Path) -> None:
    for arguments, message in (
        (("report", tmp_path, "-o", "r.html"), "holds no result of a study"),
        (("report", tmp_path, "-o", "r.txt"), "a file that ends in .html, .md"),
    ):
        code, _, error = run(*arguments)
        assert (code, error.count("\n")) == (2, 1)
        assert message in error
    with pytest.raises(InputError, match="ends in"):
        check_format(tmp_path / "r")


def test_failed_trials_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    result = small_study(X, Y, n_seeds=1).run()
    trials = result.trials.copy()
    trials["error"] = trials["error"].astype(object)
    trials.loc[1, "error"] = "ValueError: [red]"
    print_result(replace(result, trials=trials))
    streams = capsys.readouterr()
    assert "failed: copies, seed 0: ValueError: [red]" in streams.err
    assert "1 paired seeds" in streams.out
