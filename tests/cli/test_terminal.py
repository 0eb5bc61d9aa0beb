"""Progress: occasional lines where a bar cannot move; and files that are kept."""

from pathlib import Path

import pytest

from gen_augment.cli import terminal
from tests.cli.toys import Run, write_table


def test_progress_lines_are_occasional(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, *(float(second) for second in range(10, 130, 10))])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    with terminal.progress("rows") as update:
        for done in range(1, 13):
            update(done, 12, f"[row {done}]")
    assert capsys.readouterr().err.splitlines() == [
        "rows: 3 of 12 after 0.5 min, last: [row 3]",
        "rows: 6 of 12 after 1.0 min, last: [row 6]",
        "rows: 9 of 12 after 1.5 min, last: [row 9]",
        "rows: 12 of 12 after 2.0 min, last: [row 12]",
    ]


def test_files_that_are_replaced_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.safetensors"
    terminal.check_writable(path, reader=terminal.read_model)
    path.write_bytes(b"")
    terminal.check_writable(path)
    assert capsys.readouterr().err == ""
    terminal.check_writable(path, reader=terminal.read_model)
    assert capsys.readouterr().err == f"{path} exists, and will be replaced.\n"
    assert path.exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("fit t.csv --target churn --sampler kde -o t.csv", "t.csv is an input"),
        ("fit t.csv --target churn --sampler kde -o ./link.csv", "link.csv is an input"),
        ("fit t.csv --target churn --init m.csv -o m.csv", "m.csv is an input"),
        ("fit m.partial --target churn --sampler kde -o m", "m.partial is an input"),
        ("fit t.csv --target churn --sampler kde -o u.csv", "u.csv exists and is not a file"),
        ("pool m.csv m2 -o u.csv", "u.csv exists and is not a file"),
        ("distill t.csv --target churn -o t.csv", "t.csv is an input"),
        ("distill t.csv --target churn -o u.json", "u.json exists and is not a file"),
        ("distill t.csv --target churn -o tree.json --report t.csv", "t.csv is an input"),
        ("distill t.csv --target churn -o tree.html", "both tree and report"),
        ("study t.csv --target churn -o t.csv", "t.csv is an input"),
        ("study parts --target churn -o parts/0.parquet", "0.parquet is an input"),
        ("study t.csv --target churn --recommend u.csv", "u.csv exists and is not a file"),
        ("audit m.csv t.csv --target churn -o t.csv", "a file that ends in .html"),
        ("audit m.csv t.csv --target churn -o u.html", "u.json exists and is not a file"),
        ("sample m.csv -o m.csv", "m.csv is an input"),
        ("report trials -o trials/result.json", "result.json is an input"),
    ],
)
def test_files_of_the_user_are_kept(
    command: str, message: str, run: Run, tmp_path: Path, table_model: Path
) -> None:
    for name in ("t.csv", "u.csv"):
        write_table(tmp_path / name)
    (tmp_path / "parts").mkdir()
    write_table(tmp_path / "parts/0.parquet")
    (tmp_path / "link.csv").symlink_to(tmp_path / "t.csv")
    for name in ("m.csv", "m2"):
        (tmp_path / name).write_bytes(table_model.read_bytes())
    (tmp_path / "m.partial").write_text("a,churn\n")
    (tmp_path / "u.json").write_text("{}")
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials/result.json").write_text("{}")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    code, _, error = run(*command.split())
    assert (code, error.count("\n")) == (2, 1)
    assert message in error
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
