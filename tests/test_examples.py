"""Each page of the gallery is short, runs unchanged, and prints its result."""

import re
from pathlib import Path

import pytest

from tests.processes import run_script

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").rglob("plot_*.py"))
ACCURACY = ("accuracy on rows not seen: ", 0.6, 1.0)
VERDICT = ("(Yes|No): ", None, None)
#: The last line of an example: how it begins, and the range of the number that ends it.
LAST_LINES = {
    "plot_albumentations": ("images in one epoch: ", 600, 600),
    "plot_audio": ("calls that go the way of their label: ", 0.8, 1),
    "plot_audit_copies": ("copies among 300 rows of flow: ", 0, 3),
    "plot_exact_counts": ("synthetic rows: ", 96, 96),
    "plot_grid_search": ("average precision, ConditionalVAE, tuned: ", 0.15, 0.5),
    "plot_latent_walk": ("size of a step, as a share of the jump: ", 0, 0.2),
    "plot_long_tail": VERDICT,
    "plot_mixed_table": ("of synthetic ones who meet it: ", 95, 115),
    "plot_moons": ("new real rows: ", 0.02, 0.06),
    "plot_own_sampler": VERDICT,
    "plot_study_no": ("No: ", None, None),
    "plot_stable_diffusion": ("denoising loss after training, as a share of", 0.3, 0.99),
    "plot_study_yes": ("Yes: ", None, None),
    "plot_text_edits": VERDICT,
    "plot_threshold": ("No: ", None, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs_and_ends_in_a_result(path: Path) -> None:
    printed = run_script(path)
    last = printed.splitlines()[-1]
    start, low, high = LAST_LINES.get(path.stem, ACCURACY)
    assert re.match(start, last), printed
    if low is not None:
        assert low <= float(last.split()[-1]) <= high, last


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_is_short_and_has_a_figure(path: Path) -> None:
    text = path.read_text()
    headings = re.findall(r"^# (?:-{4,})$", text, flags=re.M)
    assert 2 <= len(headings) <= 7
    assert len(text.splitlines()) <= 150
    assert "plt.subplots(" in text


def test_there_is_a_page_for_each_thing_to_show() -> None:
    assert len(EXAMPLES) >= 14
    assert set(LAST_LINES) <= {path.stem for path in EXAMPLES}
