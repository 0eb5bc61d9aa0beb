"""``gen-augment demo``: the page has all parts, and a run that was stopped continues."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gen_augment import ArchiveError
from gen_augment.cli import demonstrating
from tests.cli.toys import Run


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("N_STEPS", "N_STUDY_STEPS", "N_NETWORK_STEPS"):
        monkeypatch.setattr(demonstrating, name, 2)
    monkeypatch.setattr(demonstrating, "N_SEEDS", 3)
    monkeypatch.setattr(demonstrating, "N_TRAIN", 150)


def test_a_demo_that_was_stopped_continues_and_ends_in_a_page(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree_seed, asked = demonstrating._tree_seed, []

    def stopped_at_the_second(seed: int) -> dict[str, Any]:
        asked.append(seed)
        if asked == [0, 1]:
            raise KeyboardInterrupt
        return tree_seed(seed)

    monkeypatch.setattr(demonstrating, "_tree_seed", stopped_at_the_second)
    assert run("demo")[0] == 130
    fitted = Path("demo/digits.safetensors").read_bytes()

    code, out, _ = run("demo")
    assert code == 0
    assert asked == [0, 1, 1, 2]
    assert Path("demo/digits.safetensors").read_bytes() == fitted
    trials = Path("demo/image-trials/trials.jsonl").read_text().splitlines()
    assert len({(t["arm"], t["seed"]) for t in map(json.loads, trials)}) == 12
    assert out.startswith("In about two minutes")
    assert [line for line in out.splitlines() if line.startswith("  gen-augment ")] == [
        f"  {command}    # {why}" for command, why in demonstrating.NEXT.items()
    ]
    page = Path("demo/demo.html").read_text()
    verdicts = re.findall(r"^    ((?:Yes|No): .*)$", out, re.M)
    assert len(verdicts) == 2
    assert all(page.count(verdict) == 2 for verdict in verdicts)
    assert "http" not in re.sub(
        r"http://www\.w3\.org|https?://(purl|creativecommons|matplotlib)\S+", "", page
    )


def test_the_loader_gives_every_digit_as_often_as_the_most_frequent(
    run: Run, tmp_path: Path
) -> None:
    sampler, _ = demonstrating._fitted(tmp_path)
    counts = demonstrating._counted(sampler)
    assert counts["real"][9] == demonstrating.N_RARE
    assert set(counts["augmented"].values()) == {max(counts["real"].values())}


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(ArchiveError, match="cannot make the folder"):
        demonstrating.tell_story(tmp_path / "demo")
