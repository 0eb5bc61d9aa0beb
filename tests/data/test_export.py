"""Synthetic rows as files: complete or absent, readable, and never outside their folder."""

import errno
import os
import socket
import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from gen_augment import ArchiveError, ConditionalVAE, InputError, modalities
from gen_augment.data.export import check_output, write_parts
from gen_augment.modalities import class_folders
from gen_augment.samplers import BootstrapSampler, sample_parts
from tests.conftest import as_form, toy_images
from tests.samplers.test_mixed import draw_mixed


def write_rows(path: Path, X: Any, y: Any, sampler: Any) -> None:
    write_parts(path, [(X, y)], sampler.codec_)


def fit(X: Any, y: Any) -> ConditionalVAE:
    return ConditionalVAE(
        max_steps=1, batch_size=4, width=2, latent_dim=2, random_state=0, device="cpu"
    ).fit(X, y)


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


IMAGE_FORMS = [
    ("uint8-nhw", "L"), ("uint8-nhwc", "RGB"), ("uint8-nchw", "RGB"), ("uint8-tensor", "RGB"), ("pil-grey", "L"),
    ("pil-colour", "RGB"), ("non-square", "L"),
]  # fmt: skip


@pytest.mark.parametrize("form, mode", IMAGE_FORMS)
def test_images_of_bytes_are_written_as_they_are(form: str, mode: str, tmp_path: Path) -> None:
    X, y = as_form(form)
    sampler = fit(X, y)
    rows, labels = sampler.sample(6, random_state=0)
    write_rows(tmp_path / "out", rows, labels, sampler)

    pixels = {f"{number:06d}.png": np.asarray(row) for number, row in enumerate(rows)}
    if form in ("uint8-nchw", "uint8-tensor"):
        pixels = {name: np.moveaxis(image, 0, -1) for name, image in pixels.items()}
    names = [str(label) for label in np.asarray(labels).tolist()]
    assert everything_below(tmp_path / "out") == sorted(
        [*set(names), *(f"{name}/{file}" for name, file in zip(names, pixels, strict=True))]
    )
    for name, (file, image) in zip(names, pixels.items(), strict=True):
        with Image.open(tmp_path / "out" / name / file) as written:
            assert written.mode == mode
            np.testing.assert_array_equal(np.asarray(written), image)


def test_image_folder_reads_what_was_written(tmp_path: Path) -> None:
    X, y = toy_images(20, channels=3)
    sampler = fit(X, np.array(["up", "down"])[y])
    write_rows(tmp_path / "out", *sampler.sample(y={"up": 3, "down": 2}), sampler)
    dataset = ImageFolder(tmp_path / "out")
    assert dataset.classes == ["down", "up"]
    assert np.bincount(dataset.targets).tolist() == [2, 3]
    assert {image.size for image, _ in dataset} == {(12, 12)}


def test_a_normalised_tensor_is_spread_over_the_bytes(tmp_path: Path) -> None:
    X, y = as_form("normalised-tensor")
    sampler = fit(X, y)
    rows = torch.stack([torch.full((1, 12, 12), value) for value in (X.min(), X.max())])
    with pytest.warns(UserWarning, match="become 0 to 255"):
        write_rows(tmp_path / "out", rows, torch.tensor([0, 1]), sampler)
    values = [
        np.asarray(Image.open(tmp_path / "out" / name)) for name in ("0/000000.png", "1/000001.png")
    ]
    assert (values[0] == 0).all()
    assert (values[1] == 255).all()


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (-2.0, 2.0)])
def test_channels_of_floats_have_one_scale(low: float, high: float, tmp_path: Path) -> None:
    X = np.random.default_rng(0).random((8, 3, 8, 8)) * [[[[0.5]], [[1.0]], [[0.2]]]] + [
        [[[0.3]], [[0.0]], [[0.8]]]
    ]
    X = (
        (X - X.min()) / np.ptp(X) if low < 0 else X
    )  # 0 to 255 represents 0 to 1, or the range of the training rows
    sampler = BootstrapSampler(random_state=0).fit(low + (high - low) * X, np.arange(8) % 2)
    rows, labels = sampler.sample(4)
    with pytest.warns(UserWarning, match="become 0 to 255") if low < 0 else nullcontext():
        write_rows(tmp_path / "out", rows, labels, sampler)
    for number, (row, label) in enumerate(zip((rows - low) / (high - low), labels, strict=True)):
        with Image.open(tmp_path / "out" / str(label) / f"{number:06d}.png") as image:
            np.testing.assert_allclose(np.moveaxis(np.asarray(image), -1, 0), 255 * row, atol=0.51)


@pytest.mark.parametrize("suffix", [".CSV", ".Parquet"])
def test_a_suffix_may_be_in_capitals(
    suffix: str, table_sampler: ConditionalVAE, tmp_path: Path
) -> None:
    path = tmp_path / f"out{suffix}"
    check_output(path, modalities.Table())
    write_rows(path, *table_sampler.sample(3), table_sampler)
    assert len(pd.read_csv(path) if suffix == ".CSV" else pd.read_parquet(path)) == 3


# Labels as names of folders.


@pytest.mark.parametrize(
    "label", ["../x", "..", ".", "", "a/b", "/etc/x", "a\\b", "a\0b", "\ud800", "n" * 300]
)
def test_labels_cannot_choose_where_files_go(label: str, tmp_path: Path) -> None:
    X, y = toy_images(8)
    sampler = fit(X, np.array(["plain", "other"])[y])
    inside = tmp_path / "deep" / "inside"
    inside.mkdir(parents=True)
    with pytest.raises((InputError, ArchiveError), match=r"label|cannot write"):
        write_rows(inside / "out", X[:2], np.array(["plain", label]), sampler)
    assert everything_below(tmp_path) == ["deep", "deep/inside"]


@pytest.mark.parametrize("label", ["a b", "..a", "ü", "-n", "*", "中文", "a.png", "CON"])
def test_unusual_labels_are_folders_too(label: str, tmp_path: Path) -> None:
    X, y = toy_images(8)
    write_rows(tmp_path / "out", X[:1], np.array([label]), fit(X, y))
    assert everything_below(tmp_path / "out") == [label, f"{label}/000000.png"]


# Places.


def test_a_new_place_passes(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check_output(tmp_path / "new", modalities.Image())
    check_output(tmp_path / "empty", modalities.Image())
    check_output(tmp_path / "new" / "deep.csv", modalities.Table())


def test_a_file_will_be_replaced(tmp_path: Path) -> None:
    assert not check_output(tmp_path / "t.csv", modalities.Table())
    (tmp_path / "t.csv").write_text("old")
    assert check_output(tmp_path / "t.csv", modalities.Table())


@pytest.mark.parametrize(
    "name, kind", [("file", "image"), ("full", "image"), ("full.csv", "table")]
)
def test_folders_are_not_replaced(name: str, kind: str, tmp_path: Path) -> None:
    for path in ("file", "full/inside", "full.csv/inside"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("kept")
    with pytest.raises(InputError, match=f"{name} is there already"):
        check_output(tmp_path / name, modalities.get_modality(kind))


@pytest.mark.parametrize("name", ["out", "out.xlsx", "out.png", "csv"])
def test_a_table_needs_a_suffix(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"table rows are written to a \.csv or \.tsv or \.parquet file"
    ):
        check_output(tmp_path / name, modalities.Table())


@pytest.mark.parametrize("sampler, name", [("image_sampler", "out"), ("table_sampler", "out.csv")])
def test_missing_folders_are_made_and_an_empty_one_is_used(
    sampler: str, name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model = request.getfixturevalue(sampler)
    write_rows(tmp_path / "a" / "b" / name, *model.sample(2), model)
    assert (tmp_path / "a" / "b" / name).exists()
    if name == "out":
        (tmp_path / "empty").mkdir()
        write_rows(tmp_path / "empty", *model.sample(2), model)
        assert len(list((tmp_path / "empty").rglob("*.png"))) == 2


def test_a_path_below_a_file_is_named(table_sampler: ConditionalVAE, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ArchiveError, match=r"cannot write .*out\.csv"):
        write_rows(tmp_path / "file" / "out.csv", *table_sampler.sample(2), table_sampler)
    assert everything_below(tmp_path) == ["file"]


def test_a_full_disk_leaves_nothing(
    image_sampler: ConditionalVAE, tmp_path: Path, monkeypatch: Any
) -> None:
    saved = []

    def save(self: Image.Image, path: Path) -> None:
        saved.append(path)
        Path(path).write_bytes(b"half")
        if len(saved) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(ArchiveError, match=r"cannot write .*out: No space left on device"):
        write_rows(tmp_path / "out", *image_sampler.sample(9), image_sampler)
    assert len(saved) == 3
    assert everything_below(tmp_path) == []


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_written_part_by_part_are_those_of_sample(suffix: str, tmp_path: Path) -> None:
    X, y = draw_mixed(60)
    X["note"] = np.where(np.arange(60) == 59, "seen once", None)  # so that a part may have no value
    sampler = BootstrapSampler(random_state=0).fit(X, y)
    path = tmp_path / f"out{suffix}"
    write_parts(path, sample_parts(sampler, 90, None, 7, 20), sampler.codec_)
    rows, labels = sampler.sample(90, random_state=7)
    expected = rows.assign(label=labels)
    if suffix == ".csv":
        assert path.read_text(encoding="utf-8") == expected.to_csv(index=False)
        return
    assert pq.ParquetFile(path).num_row_groups == 5
    pd.testing.assert_frame_equal(pd.read_parquet(path), expected, check_dtype=False)


def test_labels_that_name_one_folder_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Like "a" and "A" on a case-insensitive disk."""
    monkeypatch.setattr(class_folders, "_safe_name", lambda label: str(label).lower())
    X, y = toy_images(24)
    sampler = ConditionalVAE(max_steps=1, device="cpu").fit(
        X, np.where(np.asarray(y) == np.asarray(y)[0], "a", "A")
    )
    with pytest.raises(InputError, match="label 'a' and another one name the same folder"):
        write_rows(tmp_path / "out", *sampler.sample(y={"a": 2, "A": 2}), sampler)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="there is no harmless signal")
def test_leftovers_of_killed_processes_are_removed(
    table_sampler: ConditionalVAE, tmp_path: Path
) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    start = f".new.csv.{socket.gethostname()}-"
    left = tmp_path / f"{start}{dead.pid}-abc"
    others = [f"{start}{os.getpid()}-abc", f".new.csv.elsewhere-{dead.pid}-abc", ".new.csv.abc"]
    for folder in (left, *(tmp_path / name for name in others)):
        folder.mkdir()
        (folder / "rows.csv").write_text("a")
    write_rows(tmp_path / "new.csv", *table_sampler.sample(3), table_sampler)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "new.csv"])
