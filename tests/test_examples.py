"""Each example runs unchanged and prints its result."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
#: The last line of an example: a verdict, or a score that chance would not reach.
LAST_LINE = re.compile(
    r"(Yes|No): |accuracy on rows not seen: (?P<accuracy>[01]\.\d{3})$|average precision, .*: 0\.\d{3}$"
)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs_and_ends_in_a_result(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    last = LAST_LINE.match(done.stdout.splitlines()[-1])
    assert last, done.stdout
    assert float(last["accuracy"] or 1) > 0.6
