"""``gen-augment bank``: a bank built whole, in parts, and again."""

import signal
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from gen_augment import ArchiveError, BootstrapSampler, ConditionalVAE, SampleBank
from gen_augment.bank import build
from gen_augment.cli import main
from gen_augment.modalities import Image
from tests.cli.toys import start, wait_for
from tests.conftest import toy_table


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sampler of labels "stays" and "goes", in a new folder."""
    monkeypatch.chdir(tmp_path)
    X, y = toy_table()
    sampler = ConditionalVAE(
        max_steps=2, batch_size=8, width=4, latent_dim=4, random_state=0, device="cpu"
    )
    sampler.fit(X, np.array(["stays", "goes"])[y]).save("model.safetensors")
    return tmp_path / "model.safetensors"


def run(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["bank", *map(str, arguments), "--device", "cpu"])
    return int(ended.value.code or 0)


def test_a_bank_is_built_and_found_again(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(model, "-n", 30, "--label", "goes", "-o", "bank") == 0
    bank = SampleBank("bank")
    assert bank.counts == {"goes": 30}
    sampler = ConditionalVAE.load(model, device="cpu")
    np.testing.assert_array_equal(bank.rows(np.arange(30)), sampler.generate(np.arange(30), "goes"))
    written = Path("bank/rows.bin").stat().st_mtime_ns
    assert run(model, "-n", 30, "--label", "goes", "-o", "bank") == 0
    assert Path("bank/rows.bin").stat().st_mtime_ns == written
    assert capsys.readouterr().out.splitlines() == ["30 rows: bank"] * 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_parts_make_the_bank_that_one_process_makes(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gen_augment.bank.manifest.MAX_BLOCK", 256)
    assert run(model, "-n", 1000, "--seed", 5, "-o", "whole") == 0
    for part in ("2/3", "1/3", "3/3"):
        assert not (Path("parts") / build.MANIFEST).exists()
        assert run(model, "-n", 1000, "--seed", 5, "-o", "parts", "--part", part) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1] == "part 2/3 is built; other parts are missing: parts"
    assert told[3] == "1000 rows: parts"
    with joblib.parallel_config(backend="multiprocessing"):  # forks, which are fast to start
        assert run(model, "-n", 1000, "--seed", 5, "-o", "jobs", "--jobs", 2) == 0
    for name in ("rows.bin", "manifest.json"):
        assert (Path("parts") / name).read_bytes() == (Path("whole") / name).read_bytes()
        assert (Path("jobs") / name).read_bytes() == (Path("whole") / name).read_bytes()
    assert SampleBank("parts").generator.seed == 5


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("stop", ["SIGINT", pytest.param("SIGKILL", marks=pytest.mark.slow)])
def test_a_stopped_build_goes_on(
    stop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photographs = np.random.default_rng(0).integers(0, 256, (9, 90, 80, 3), dtype=np.uint8)
    sampler = BootstrapSampler(modality=Image(image_size=64), random_state=0)
    sampler.fit(photographs, np.arange(9) % 3).save("model")
    command = ("model", "-n", 8000, "-o", "bank", "--compression", "webp")  # 32 blocks
    process = start("bank", *command, "--device", "cpu", cwd=tmp_path)
    wait_for(tmp_path / "bank" / "block-000002.bin", process)
    process.send_signal(getattr(signal, stop))
    _, told = process.communicate(timeout=60)
    if stop == "SIGINT":
        assert process.returncode == 130
        assert told.splitlines()[-1] == "interrupted: the same command continues bank."
    with pytest.raises(ArchiveError, match=r"unfinished bank: \d+ of 32 blocks"):
        SampleBank("bank")
    first = Path("bank/block-000001.bin").stat().st_mtime_ns
    assert run(*command) == 0
    assert Path("bank/block-000001.bin").stat().st_mtime_ns == first
    places = np.arange(0, 8000, 97)
    bank = SampleBank("bank")
    np.testing.assert_array_equal(
        bank.rows(places), sampler.generate(bank.addresses(places), bank.labels(places))
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["-n", 5, "--part", "0/2"], "--part '0/2': give I/N, such as 1/4, with I from 1 to N"),
        (["-n", 5, "--part", "3/2"], "--part '3/2': give I/N"),
        (["-n", 5, "--part", "2"], "--part '2': give I/N"),
        (["-n", 5, "--compression", "webp"], "compression='webp' is for images"),
        (["-n", 5, "--label", "other"], "label 'other' was not seen in fit"),
        (["-n", 0], "Invalid value for '-n'"),
        ([], "Missing option '-n'"),
    ],
)
def test_bad_input_gives_one_line(
    arguments: list[Any], message: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, "-o", "bank", *arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not Path("bank").exists()


def test_another_bank_is_left_alone(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(model, "-n", 30, "-o", "bank") == 0
    before = {file.name: file.read_bytes() for file in Path("bank").iterdir()}
    assert run(model, "-n", 31, "-o", "bank") == 2
    assert (
        "holds another bank, or part of one: counts (15, 15), not (16, 15)"
        in capsys.readouterr().err
    )
    assert {file.name: file.read_bytes() for file in Path("bank").iterdir()} == before
