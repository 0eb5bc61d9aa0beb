"""Banks of compressed images."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from gen_augment import ArchiveError, InputError, SampleBank, augment_loader
from gen_augment.bank import manifest
from gen_augment.containers import take
from gen_augment.modalities import ImageCodec
from gen_augment.modalities.row_store import block_file
from tests.bank.toys import Tell, assert_same_rows, everything, files_of


class Photographs(Tell):
    """A sampler that repeats images."""

    def __init__(self, X: Any) -> None:
        super().__init__(labels=np.arange(3))
        self.X = X
        self.codec_ = ImageCodec.fit(X)[0]

    def generate(self, index: Any, y: Any, *, seed: int | None = None) -> Any:
        self.generated += np.size(index)
        return take(self.X, np.asarray(index) % len(self.X))


def noise(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    numbers = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape)
    return numbers.astype(dtype)


def pictures(*shape: int) -> list[Image.Image]:
    return [Image.fromarray(image) for image in noise(*shape)]


FORMS = {
    "grey": lambda: noise(9, 12, 10),
    "channels-last": lambda: noise(9, 12, 10, 3),
    "channels-first": lambda: noise(9, 4, 12, 10),
    "tensor": lambda: torch.from_numpy(noise(9, 1, 12, 10)),
    "grey-pictures": lambda: pictures(9, 12, 10),
    "pictures-with-alpha": lambda: pictures(9, 12, 10, 4),
}


@pytest.mark.parametrize("compression", ["png", "webp"])
@pytest.mark.parametrize("form", FORMS)
def test_lossless_rows_are_those_of_the_sampler(
    form: str, compression: str, small_blocks: int, tmp_path: Path
) -> None:
    sampler = Photographs(FORMS[form]())
    bank = SampleBank.build(sampler, 40, tmp_path / "bank", compression=compression)
    bank.verify()
    places = np.array([39, 0, 17, 17])
    assert_same_rows(bank.rows(places), sampler.generate(places, None))
    assert_same_rows(SampleBank(bank.path).rows(everything(bank)), sampler.generate(range(40), 0))


def test_grey_images_of_16_bits_are_png(tmp_path: Path) -> None:
    sampler = Photographs(noise(9, 12, 10, dtype=np.uint16).astype(">u2"))
    bank = SampleBank.build(sampler, 9, tmp_path / "bank", compression="png")
    assert_same_rows(bank.rows(np.arange(9)), sampler.X)


@pytest.mark.parametrize("compression", ["jpeg:90", "webp:60"])
def test_a_lossy_row_is_what_pillow_makes_of_it_alone(compression: str, tmp_path: Path) -> None:
    coarse = pictures(9, 4, 4, 3)
    sampler = Photographs([image.resize((40, 30)) for image in coarse])
    bank = SampleBank.build(sampler, 30, tmp_path / "bank", compression=compression)
    name, _, quality = compression.partition(":")
    for place in (29, 3):
        file = BytesIO()
        sampler.X[place % 9].save(file, name, quality=int(quality))
        expected = np.asarray(Image.open(file).convert("RGB"))
        np.testing.assert_array_equal(np.asarray(bank.rows(np.array([place]))[0]), expected)
        assert np.abs(expected - np.asarray(sampler.X[place % 9], int)).mean() < 10


def test_the_folder_is_small_and_feeds_a_loader(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 3 * 64 * 64).reshape(1, 3, 64, 64).astype(np.uint8)
    sampler = Photographs(torch.from_numpy(smooth))
    bank = SampleBank.build(sampler, 64, tmp_path / "bank", compression="webp")
    assert sum(map(len, files_of(bank.path).values())) < 0.4 * 64 * smooth.size
    real = [(sampler.X[0], label) for label in [0, 1, 2] * 4]
    loader = augment_loader(DataLoader(real, batch_size=4), bank, ratio=0.5)
    for images, _ in loader:
        assert torch.equal(images, sampler.X.expand(len(images), -1, -1, -1))
    batch = torch.zeros(3, 3, 64, 64, dtype=torch.uint8)
    assert torch.equal(bank.read_into(np.array([5, 0, 9]), batch), sampler.X.expand(3, -1, -1, -1))


def test_rows_that_pass_filters_keep_their_addresses(small_blocks: int, tmp_path: Path) -> None:
    def dark(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        return X[:, 0, 0] < 128

    sampler = Photographs(noise(9, 12, 10))
    bank = SampleBank.build(sampler, 20, tmp_path / "bank", filters=dark, compression="webp")
    rows = bank.rows(everything(bank))
    assert (rows[:, 0, 0] < 128).all()
    np.testing.assert_array_equal(rows, sampler.generate(bank.addresses(everything(bank)), 0))


@pytest.mark.parametrize("damage", ["missing", "short", "changed"])
def test_a_damaged_file_is_found_and_built_again(
    damage: str, small_blocks: int, tmp_path: Path
) -> None:
    sampler = Photographs(noise(9, 12, 10, 3))
    bank = SampleBank.build(sampler, 40, tmp_path / "bank", compression="webp")
    files, file = files_of(bank.path), block_file(bank.path, 1)
    data = file.read_bytes()
    {
        "missing": file.unlink,
        "short": lambda: file.write_bytes(data[:-9]),
        "changed": lambda: file.write_bytes(data[:12] + bytes(9) + data[21:]),
    }[damage]()
    with pytest.raises(ArchiveError, match="rows 16 to 31 are damaged"):
        bank.verify()
    with pytest.raises(ArchiveError, match=r"block-000001.bin (is damaged|cannot be read)"):
        bank.rows(np.arange(16, 32))

    written = manifest.Manifest.read(bank.path / "manifest.json")
    (bank.path / "plan.json").write_bytes(written.plan().to_bytes())
    (bank.path / "blocks.bin").write_bytes(bytes.fromhex("".join(written.digests)))
    (bank.path / "manifest.json").unlink()
    sampler.generated = 0
    SampleBank.build(sampler, 40, bank.path, compression="webp").verify()
    assert sampler.generated == 16
    assert files_of(bank.path) == files


@pytest.mark.parametrize(
    "shape, dtype, compression, message",
    [
        ((2, 12, 10), np.uint8, "gif", "compression='gif': give 'png' or 'webp', which lose nothing"),
        ((2, 12, 10), np.uint8, "jpeg", "or 'jpeg:Q'"),
        ((2, 12, 10), np.uint8, "jpeg:101", "a quality Q of 1 to 100"),
        ((2, 12, 10), np.uint8, 90, "compression=90: give"),
        ((2, 12, 10, 4), np.uint8, "jpeg:90", "cannot hold 4 channels"),
        ((2, 12, 10), np.float32, "png", r"cannot hold 1 channel\(s\) of float32: fit the sampler"),
        ((2, 12, 10, 3), np.uint16, "png", r"cannot hold 3 channel\(s\) of uint16"),
    ],
)  # fmt: skip
def test_images_that_a_format_cannot_hold_are_an_error(
    shape: tuple[int, ...], dtype: Any, compression: Any, message: str, tmp_path: Path
) -> None:
    sampler = Photographs(np.zeros(shape, dtype))
    with pytest.raises(InputError, match=message):
        SampleBank.build(sampler, 4, tmp_path / "bank", compression=compression)
    assert not list(tmp_path.iterdir())


def test_another_compression_is_another_bank(tmp_path: Path) -> None:
    sampler = Photographs(noise(9, 12, 10))
    SampleBank.build(sampler, 4, tmp_path / "bank", compression="webp")
    with pytest.raises(InputError, match="compression 'webp', not None"):
        SampleBank.build(sampler, 4, tmp_path / "bank")
