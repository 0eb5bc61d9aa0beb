"""The demo: quick sizes check that the code runs, not its results."""

from pathlib import Path

import pytest

from gen_augment.cli import main
from gen_augment.study import load_result


def run_demo(folder: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--quick", "-o", str(folder)])
    assert ended.value.code == 0


def test_the_demo_writes_one_page_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "shown"
    run_demo(folder)
    shown = capsys.readouterr().out
    page = (folder / "index.html").read_text(encoding="utf-8")
    for name in ("network", "tree"):
        result = load_result(folder / f"{name}-trials")
        assert result.verdict() in page.replace("<wbr>", "").replace("&ndash;", "-")
        assert f'href="{name}.html"' in page
        assert (folder / f"{name}.html").exists()
        assert set(result.arms) >= {"real"}
    assert page.count("<svg") == 2
    assert "<script" not in page
    assert shown.rstrip().splitlines()[-1].strip().startswith("gen-augment study")

    trials = folder / "network-trials" / "trials.jsonl"
    kept = trials.read_bytes()
    sampler = (folder / "digits.safetensors").read_bytes()
    run_demo(folder)
    assert (folder / "digits.safetensors").read_bytes() == sampler
    assert trials.read_bytes() == kept
