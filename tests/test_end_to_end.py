"""The main tasks on real input: fit, sample, inject, study."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from sklearn.datasets import load_breast_cancer
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.models import resnet18
from torchvision.transforms import v2

from gen_augment import (
    AugmentedDataset,
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    SampleBank,
    Study,
    audit,
    augment_loader,
    modalities,
)
from gen_augment.data.sources import load_data
from gen_augment.modalities.image.files import open_image
from gen_augment.study import Training

PER_CLASS = 12


@pytest.fixture(scope="module")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of class folders with the first few training images of each class of CIFAR-10."""
    archive = Path(os.environ.get("GEN_AUGMENT_DATA", "")) / "cifar10-jpeg.zip"
    if not archive.is_file():
        pytest.skip("needs cifar10-jpeg.zip in GEN_AUGMENT_DATA")
    root = tmp_path_factory.mktemp("cifar")
    taken: dict[str, int] = {}
    with zipfile.ZipFile(archive) as file:
        for name in sorted(file.namelist()):
            parts = Path(name).parts
            if name.endswith(".jpg") and "train" in parts and taken.get(parts[-2], 0) < PER_CLASS:
                taken[parts[-2]] = taken.get(parts[-2], 0) + 1
                folder = root / parts[-2]
                folder.mkdir(exist_ok=True)
                (folder / parts[-1]).write_bytes(file.read(name))
    assert len(taken) == 10
    return root


@pytest.mark.slow
@pytest.mark.parametrize("cls", [ConditionalVAE, ConditionalGAN])
def test_image_folder(cls: type[ConditionalVAE], cifar: Path) -> None:
    raw = ImageFolder(cifar, loader=open_image)
    sampler = cls(max_steps=20, batch_size=16, width=8, random_state=0, device="cpu").fit(raw)
    images, labels = sampler.sample(y={3: 2, 9: 1})
    assert [(image.mode, image.size) for image in images] == [("RGB", (32, 32))] * 3
    assert labels == [3, 3, 9]

    to_tensor = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    data = AugmentedDataset(raw, sampler, ratio=0.5, transform=to_tensor)
    assert len(data) == 180
    seen = [
        y for x, y in DataLoader(data, batch_size=60, num_workers=2, multiprocessing_context="fork")
    ]
    assert [len(y) for y in seen] == [60, 60, 60]
    real = ImageFolder(cifar, transform=to_tensor, loader=open_image)
    loader = augment_loader(
        DataLoader(real, batch_size=40), sampler, ratio=0.25, transform=to_tensor
    )
    assert [tuple(x.shape) for x, _ in loader] == [(40, 3, 32, 32)] * 3

    study = Study(
        raw,
        arms=["real", "flip+shift", "sampler"],
        samplers={"sampler": sampler},
        n_seeds=2,
        training=Training(n_steps=10),
    )
    result = study.run()
    assert result.trials["error"].isna().all()
    assert result.verdict().startswith(("Yes", "No"))


@pytest.mark.slow
def test_photographs_of_several_sizes(cifar: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("cat", "ship"):
        (tmp_path / "photographs" / label).mkdir(parents=True)
        for path in (cifar / label).iterdir():
            with Image.open(path) as small:
                side = int(rng.integers(180, 401))
                size = side, int(rng.integers(180, 401))
                padded = ImageOps.pad(small.resize((side, side)), size, color="grey")
            padded.save(tmp_path / "photographs" / label / path.name)
    steps = v2.Compose(
        [v2.Resize(224), v2.CenterCrop(224), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    )
    real = ImageFolder(tmp_path / "photographs", transform=steps)
    photographs = modalities.Image(image_size=64, latent="learned")
    flow = ConditionalFlow(max_steps=10, batch_size=8, width=8, device="cpu", modality=photographs)
    flow.fit(ImageFolder(tmp_path / "photographs"))
    bank = SampleBank.build(flow, {0: 8, 1: 8}, tmp_path / "bank", compression="webp")
    assert bank[0][0].size == (64, 64)
    loader = augment_loader(DataLoader(real, batch_size=8), bank, ratio=0.25, transform=steps)
    x, y = next(iter(loader))
    loss = torch.nn.functional.cross_entropy(resnet18(num_classes=2)(x), y)
    assert x.shape == (8, 3, 224, 224)
    assert torch.isfinite(loss)

    raw = ImageFolder(tmp_path / "photographs")
    found = audit(flow, raw, features="values", n_samples=16)
    assert found.figures is not None
    study = Study(
        raw,
        arms=["real", "flow"],
        samplers={"flow": flow},
        modality=photographs,
        n_seeds=2,
        training=Training(n_steps=5, batch_size=8),
    )
    assert study.run().trials["error"].isna().all()


@pytest.mark.slow
def test_table_from_csv(tmp_path: Path) -> None:
    bunch = load_breast_cancer(as_frame=True)
    frame = bunch.data.assign(diagnosis=np.array(["malignant", "benign"])[bunch.target])
    frame.to_csv(tmp_path / "cancer.csv", index=False)
    loaded = load_data(tmp_path / "cancer.csv", target="diagnosis")
    sampler = ConditionalVAE(max_steps=300, random_state=0, device="cpu").fit(loaded.rows)
    X, y = sampler.sample(y={"malignant": 30, "benign": 10})
    assert X.dtypes.equals(loaded.rows.X.dtypes)
    assert y.name == "diagnosis"

    tensors = (
        torch.from_numpy(loaded.rows.X.to_numpy(np.float32, copy=True)),
        torch.from_numpy((loaded.rows.y == "benign").to_numpy(int)),
    )
    arrays = ConditionalVAE(max_steps=20, random_state=0, device="cpu").fit(*tensors)
    loader = augment_loader(
        DataLoader(TensorDataset(*tensors), batch_size=100), arrays, ratio=0.5, mode="append"
    )
    assert sum(len(y) for _, y in loader) == 569 + 284

    study = Study(loaded.rows, samplers={"vae": sampler}, n_seeds=2)
    table = study.run().table()
    assert table.index.tolist() == ["real", "oversample", "weights", "threshold", "smote", "vae"]
    assert (table["failed"] == 0).all()
    assert (table["balanced_accuracy"] > 0.85).all()  # 0.94 to 0.96 on real rows


def test_grey_files_stay_grey(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(3):
            Image.new("L", (9, 8), i * 40).save(tmp_path / label / f"{i}.png")
    image, _ = ConditionalVAE(max_steps=1, width=4, device="cpu").fit(tmp_path).sample()
    assert (image[0].mode, image[0].size) == ("L", (9, 8))
