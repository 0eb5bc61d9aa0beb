"""Progress: occasional lines where a bar cannot move."""

from pathlib import Path

import pytest

from gen_augment.cli import terminal


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
    terminal.check_writable(path, is_model=True)
    path.write_bytes(b"")
    terminal.check_writable(path)
    assert capsys.readouterr().err == ""
    terminal.check_writable(path, is_model=True)
    assert capsys.readouterr().err == f"{path} exists, and will be replaced.\n"
    assert path.exists()
