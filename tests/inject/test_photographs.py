"""Photographs of several sizes keep their own, and synthetic rows get the pipeline's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pil
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from gen_augment import AugmentedDataset, BootstrapSampler, SampleBank, augment_loader
from gen_augment.inject.resample import GenerativeOverSampler
from gen_augment.inject.torchvision import SyntheticReplace, Vary
from gen_augment.modalities import Image
from tests.modalities.image.test_resizing import photograph

SIZES = [(60, 40), (40, 50), (90, 33), (34, 34), (50, 64), (41, 41)]
TO_TENSOR = v2.Compose(
    [v2.Resize(24), v2.CenterCrop(24), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photographs")
    for number, size in enumerate(SIZES):
        name = root / ("a" if number % 3 else "b")
        name.mkdir(exist_ok=True)
        photograph(*size).save(name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def bank(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> SampleBank:
    sampler = BootstrapSampler(modality=Image(image_size=32), random_state=0)
    sampler.fit(ImageFolder(folder))
    return SampleBank.build(sampler, {0: 5, 1: 5}, tmp_path_factory.mktemp("banks") / "bank")


def test_real_rows_keep_their_size_in_an_augmented_dataset(folder: Path, bank: SampleBank) -> None:
    real = ImageFolder(folder)
    data = AugmentedDataset(real, bank)
    assert {row.size for row, _ in (data[i] for i in range(len(real)))} == set(SIZES)
    assert data[len(real)][0].size == (32, 32)
    transformed = AugmentedDataset(real, bank, transform=TO_TENSOR)
    expected = ImageFolder(folder, transform=TO_TENSOR)
    assert all(torch.equal(transformed[i][0], expected[i][0]) for i in range(len(real)))
    batch, _ = next(iter(DataLoader(transformed, batch_size=16)))
    assert batch.shape == (16, 3, 24, 24)


def test_rows_of_a_loader_get_its_size(folder: Path, bank: SampleBank) -> None:
    loader: Any = DataLoader(ImageFolder(folder, transform=TO_TENSOR), batch_size=6)
    mixed = augment_loader(loader, bank, ratio=0.5, transform=TO_TENSOR, return_mask=True)
    batches: Iterator[Any] = iter(mixed)
    x, _y, synthetic = next(batches)
    assert x.shape == (6, 3, 24, 24)
    assert synthetic.sum() == 3
    rows = torch.stack([TO_TENSOR(row) for row, _ in bank])
    found = torch.cdist(x[synthetic].flatten(1), rows.flatten(1)).min(dim=1).values
    assert found.max() < 1e-4


def test_an_over_sampler_returns_the_photographs_as_they_were(folder: Path) -> None:
    X, y = zip(*((image, "ab"[label]) for image, label in ImageFolder(folder)), strict=True)
    over = GenerativeOverSampler(BootstrapSampler(), modality=Image(image_size=32), random_state=0)
    X_new, y_new = over.fit_resample(list(X), list(y))
    assert all(a is b for a, b in zip(X_new, X, strict=False))
    assert [image.size for image in X_new[len(X) :]] == [(32, 32)] * (len(X_new) - len(X))
    assert np.unique(y_new, return_counts=True)[1].tolist() == [4, 4]


def test_transforms_of_single_images_take_any_size(folder: Path, bank: SampleBank) -> None:
    image, label = ImageFolder(folder)[0]
    replaced, _ = SyntheticReplace(bank, p=1.0)(image, label)
    assert (type(replaced), replaced.size) == (Pil.Image, (32, 32))
    moved, _ = Vary(bank, p=1.0, strength=0.0)(image, label)
    codec: Any = bank.codec_
    assert np.array_equal(moved, codec.resized([image])[0])
    as_tensor = v2.functional.to_image(image)
    varied, _ = Vary(bank, p=1.0, strength=0.5)(as_tensor, label)
    assert type(varied) is type(as_tensor)
    assert varied.shape == (3, 32, 32)
