import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch
from PIL import Image

from gen_augment import BootstrapSampler
from gen_augment.cli import main
from gen_augment.data import Rows
from gen_augment.data.sources import load_data
from gen_augment.errors import InputError
from gen_augment.modalities import Audio
from gen_augment.modalities.audio.files import write_folder
from tests.modalities.audio.tones import HERTZ, RATE, main_frequency, recordings, tone

X, Y = recordings(12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, (row, label) in enumerate(zip(X, Y, strict=True)):
        (tmp_path / "in" / label).mkdir(parents=True, exist_ok=True)
        sf.write(tmp_path / "in" / label / f"{number:02d}.wav", row, RATE)
    return tmp_path / "in"


def read(folder: Path, **options: object) -> Rows:
    return Rows.read(folder, modality=Audio(**options))  # type: ignore[arg-type]


def test_class_folders_are_read_as_they_are(folder: Path) -> None:
    rows = Rows.read(folder)
    assert rows.modality == Audio(sample_rate=RATE)
    assert rows.classes.tolist() == ["high", "low"]
    order = sorted(range(12), key=lambda i: (Y[i], i))
    assert all((a == X[i]).all() for a, i in zip(rows.X, order, strict=True))
    assert rows.X[0].dtype == np.int16
    assert len(load_data(folder).rows) == 12


def test_labels_in_names(tmp_path: Path) -> None:
    for name in ("3_ann_0", "3_bob_1", "7_ann_0"):
        sf.write(tmp_path / f"{name}.flac", tone(500, 900), RATE)
    found = read(tmp_path, label_from="{label}_{speaker}_{take}")
    assert list(found.y) == ["3", "3", "7"]
    with pytest.raises(InputError, match="no class folder"):
        read(tmp_path)
    with pytest.raises(InputError, match="does not fit"):
        read(tmp_path, label_from="{label}-{take}")
    for pattern in ("{digit}_{take}", "{label}_{label}", "{label}_{1}"):
        with pytest.raises(InputError, match="names no label"):
            read(tmp_path, label_from=pattern)
    with pytest.raises(InputError, match="label_from=5"):
        Audio(label_from=5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "name", "labels"),
    [
        ("{label}_{speaker}_{take}", "turn_on_bob_1", ("turn", "turn_on")),
        ("{speaker}_{label}_{take}", "bob_yes_yes_1", ("yes", "yes_yes")),
        ("{label}{take}", "yes12", ("y", "yes1")),
    ],
)
def test_a_label_is_not_guessed(
    pattern: str, name: str, labels: tuple[str, str], tmp_path: Path
) -> None:
    sf.write(tmp_path / f"{name}.wav", tone(500, 900), RATE)
    message = rf"{name}\.wav .* label '{labels[0]}' and with '{labels[1]}'"
    with pytest.raises(InputError, match=message):
        read(tmp_path, label_from=pattern)
    (tmp_path / f"{name}.wav").rename(tmp_path / "stop-bob_x_1.wav")  # only the rest is ambiguous
    assert list(read(tmp_path, label_from="{label}-{speaker}_{take}").y) == ["stop"]


def test_a_link_without_a_target_is_listed(folder: Path) -> None:
    (folder / "low" / "z.wav").symlink_to(folder / "gone.wav")
    with pytest.raises(InputError, match=r"1 file\(s\)(.|\n)*z\.wav"):
        Rows.read(folder)


def test_only_folders_below_the_given_one_are_hidden(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = folder.parent / ".cache" / "in"
    shutil.copytree(folder, hidden)
    shutil.copytree(folder / "low", hidden / ".trash")
    monkeypatch.chdir(hidden / "low")
    for path in (hidden, Path("../../../in"), Path("../../in")):
        assert Rows.read(path).classes.tolist() == ["high", "low"]


@pytest.mark.parametrize("suffix", [".ogg", ".aiff"])
def test_recordings_in_another_format_alone(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / f"a{suffix}").touch()
    (tmp_path / "README.txt").touch()
    message = rf"1 recordings such as .*a{suffix}: convert them to \.wav or \.flac"
    with pytest.raises(InputError, match=message):
        load_data(tmp_path)
    with pytest.raises(InputError, match=message):
        Rows.read(tmp_path)
    Image.new("L", (4, 4)).save(tmp_path / "low" / "a.png")
    assert Rows.read(tmp_path).modality.name == "image"


def test_broken_files_are_listed(folder: Path) -> None:
    (folder / "low" / "text.wav").write_text("hello")
    (folder / "high" / "cut.wav").write_bytes((folder / "high" / "01.wav").read_bytes()[:20])
    sf.write(folder / "high" / "empty.wav", np.zeros(0, np.int16), RATE)
    (folder / "high" / "half.wav").write_bytes((folder / "high" / "01.wav").read_bytes()[:900])
    for call in (lambda: load_data(folder), lambda: Rows.read(folder)):
        with pytest.raises(InputError, match=r"4 file\(s\)") as caught:
            call()
        for name in ("text.wav", "cut.wav", "empty.wav", "half.wav"):
            assert name in str(caught.value)


def test_two_rates_are_resampled_where_said(folder: Path) -> None:
    sf.write(folder / "low" / "fast.wav", np.repeat(tone(500, 2000), 2), 2 * RATE)
    with pytest.raises(InputError, match=r"fast\.wav.*sample_rate=8000"):
        Rows.read(folder)
    rows = read(folder, sample_rate=RATE)
    (found,) = (row for row in rows.X if len(row) == 2000)
    assert found.dtype == np.int16
    assert abs(main_frequency(found) - 500) < 10


def test_stereo_among_mono_is_averaged_where_said(folder: Path) -> None:
    left, right = tone(500, 1000), tone(500, 1000, seed=1)
    sf.write(folder / "low" / "stereo.wav", np.stack([left, right], axis=1), RATE)
    with pytest.raises(InputError, match=r"stereo.wav.*mono=True"):
        Rows.read(folder)
    (found,) = (row for row in read(folder, mono=True).X if len(row) == 1000)
    np.testing.assert_allclose(found, (left.astype(int) + right) / 2, atol=0.51)


def test_command_line_writes_files_that_play(folder: Path, tmp_path: Path) -> None:
    model, out = tmp_path / "m.safetensors", tmp_path / "out"
    for line in (
        ["fit", str(folder), "--sampler", "bootstrap", "-o", str(model)],
        ["sample", str(model), "-n", "3", "--label", "low", "-o", str(out)],
    ):
        with pytest.raises(SystemExit) as ended:
            main(line)
        assert ended.value.code == 0
    files = sorted(out.rglob("*.wav"))
    assert [file.parent.name for file in files] == ["low"] * 3
    for file in files:
        info = sf.info(file)
        assert (info.samplerate, info.subtype, info.channels) == (RATE, "PCM_16", 1)
        assert abs(main_frequency(sf.read(file)[0]) - HERTZ["low"]) < 20


WAVE = np.sin(np.arange(900) * 0.3) * np.linspace(0.2, 0.9, 4)[:, None]
#: Rows and how files store them.
STORED: dict[str, tuple[Any, str, float, float]] = {  # rows, subtype, silence, full scale
    "uint8": ((WAVE * 127 + 128).astype("u1"), "PCM_U8", 128, 2**7),
    "int8": ((WAVE * 127).astype("i1"), "PCM_U8", 0, 2**7),
    "uint16": ((WAVE * 32767 + 32768).astype("u2"), "PCM_16", 2**15, 2**15),
    "big-endian": ((WAVE * 32767).astype(">i2"), "PCM_16", 0, 2**15),
    "uint32": ((WAVE * 2**31 + 2**31).astype("u4"), "PCM_32", 2**31, 2**31),
    "int64 of 16 bits": ((WAVE * 32767).astype("i8"), "PCM_16", 0, 2**15),
    "int64 of 24 bits": ((WAVE * 2**23).astype("i8"), "PCM_32", 0, 2**31),
    "int64": ((WAVE * 2**50).astype("i8"), "DOUBLE", 0, 2**63),
    "bfloat16": (torch.from_numpy(WAVE).bfloat16(), "FLOAT", 0, 1),
    "frame": (pd.DataFrame(WAVE).add_prefix("t"), "DOUBLE", 0, 1),
}


@pytest.mark.parametrize("name", STORED)
def test_files_sound_like_the_samples(name: str, tmp_path: Path) -> None:
    samples, subtype, silence, full = STORED[name]
    codec, _ = Audio(sample_rate=RATE).fit(samples)
    write_folder(tmp_path / "out", [(samples, ["a"] * 4)], codec)
    files = sorted((tmp_path / "out" / "a").iterdir())
    assert {sf.info(file).subtype for file in files} == {subtype}
    known = samples.float() if isinstance(samples, torch.Tensor) else samples
    expected = (np.asarray(known, dtype=np.float64) - silence) / full
    np.testing.assert_array_equal([sf.read(file)[0] for file in files], expected)


def test_options_on_the_command_line(folder: Path, tmp_path: Path) -> None:
    model = str(tmp_path / "m.safetensors")
    line = [
        "fit",
        str(folder),
        "--sampler",
        "bootstrap",
        "-o",
        model,
        "--option",
        "sample_rate=4000",
    ]
    with pytest.raises(SystemExit) as ended:
        main(line)
    assert ended.value.code == 0
    loaded = BootstrapSampler.load(model)
    assert loaded.codec_.modality == Audio(sample_rate=4000)


def test_files_that_cannot_be_encoded_are_named(folder: Path) -> None:
    sf.write(folder / "low" / "short.wav", np.zeros(9, np.int16), RATE)
    sf.write(folder / "low" / "nan.wav", np.full(900, np.nan, np.float32), RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"nan.wav: it has samples(.|\n)*short.wav: it has 9 of"):
        Rows.read(folder)


def test_what_is_left_out_is_said(folder: Path) -> None:
    (folder / "low" / "a.mp3").write_bytes(b"")
    (folder / "other").mkdir()
    with (
        pytest.warns(UserWarning, match="1 recordings in other formats such as .*a.mp3"),
        pytest.warns(UserWarning, match=r"the folders \['other'\] have no .wav"),
    ):
        Rows.read(folder)
