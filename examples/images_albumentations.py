"""An albumentations pipeline: some images are replaced by rows of a bank, others moved towards one.

Run: python examples/images_albumentations.py        (some 20 seconds)
"""

import tempfile
from typing import Any

import albumentations as A
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

from gen_augment import ConditionalVAE, SampleBank
from gen_augment.inject.albumentations import SyntheticReplace, Vary, seed_workers

images = (load_digits().images * 15.9375).astype(np.uint8)[..., None]  # (n, 8, 8, 1) from 0 to 255
labels = load_digits().target


class Digits(Dataset[Any]):
    """Some of the digits, through a pipeline."""

    def __init__(self, rows: range, pipeline: A.Compose) -> None:
        self.rows, self.pipeline = rows, pipeline

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        done = self.pipeline(image=images[self.rows[index]], label=labels[self.rows[index]])
        return done["image"].float() / 255, done["label"]


if __name__ == "__main__":
    torch.manual_seed(0)
    # A bank is built once, and read by the workers of any loader.
    sampler = ConditionalVAE(max_steps=500, random_state=0).fit(images[:300], labels[:300])
    bank = SampleBank.build(sampler, 2000, tempfile.mkdtemp() + "/digits")

    replace, vary = (
        SyntheticReplace(bank, labels="balanced", p=0.2),
        Vary(bank, strength=(0.1, 0.4), p=0.3),
    )
    augment = A.Compose([replace, vary, A.GaussNoise(std_range=(0.05, 0.1)), ToTensorV2()])
    train, test = (
        Digits(range(300), augment),
        Digits(range(300, len(images)), A.Compose([ToTensorV2()])),
    )
    # Without seed_workers, all workers and epochs would augment alike.
    loader = DataLoader(
        train,
        32,
        shuffle=True,
        num_workers=2,
        persistent_workers=True,
        worker_init_fn=seed_workers(augment),
    )
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(60):
        for x, y in loader:
            optimizer.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(model(x), y))
            optimizer.step()
    with torch.no_grad():
        hits = [model(x).argmax(dim=1) == y for x, y in DataLoader(test, batch_size=500)]
    print(f"accuracy on rows not seen: {torch.cat(hits).float().mean():.3f}")
