"""Progress on request: a bar in a terminal, and occasional lines elsewhere."""

import io
import threading
import time

import pytest
from rich.console import Console

from gen_augment.study import progress as module
from gen_augment.study.progress import progress
from tests.study.toys import gaussians, small_study


def test_nothing_is_shown_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    small_study(*gaussians(60)).run()
    assert capsys.readouterr() == ("", "")


def test_occasional_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    small_study(*gaussians(60), n_seeds=15).run(verbose=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "trials: 1 of 30; last: real, seed 0"
    assert lines[-1] == "trials: 30 of 30; last: copies, seed 14"
    assert 5 <= len(lines) <= 12


def test_a_bar_on_a_terminal() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    with progress(shown=True, console=console) as show:
        assert show is not None
        show({"arm": "[gan]", "seed": 0, "error": None}, 1, 4)
        show({"arm": "[gan]", "seed": 1, "error": "planned"}, 2, 4)
    assert "2/4" in text.getvalue()
    assert "[gan], seed 1 failed" in text.getvalue()


def test_a_long_trial_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.02)
    written = io.StringIO()
    n_threads = threading.active_count()
    with progress(shown=True, console=Console(file=written, width=200)) as tell:
        assert tell is not None
        time.sleep(0.1)
        tell({"arm": "real", "seed": 0, "error": None}, 1, 50)
        time.sleep(0.1)
    lines = written.getvalue().splitlines()
    assert lines[0] == "trials: none has ended; at work for 0.0 min"
    assert lines[-1] == "trials: 1 of 50; last: real, seed 0; at work for 0.0 min"
    assert "trials: 1 of 50; last: real, seed 0" in lines
    assert threading.active_count() <= n_threads  # threads of other tests may have ended
