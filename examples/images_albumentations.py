"""An albumentations pipeline: replace some images by synthetic rows, and vary others.

Run: python examples/images_albumentations.py        (about 20 seconds)
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

# Shape (n, 8, 8, 1), values from 0 to 255.
images = (load_digits().images * 15.9375).astype(np.uint8)[..., None]
labels = load_digits().target


class Digits(Dataset[Any]):
    """The digits in `rows`, transformed by a pipeline."""

    def __init__(self, rows: range, pipeline: A.Compose) -> None:
        self.rows, self.pipeline = rows, pipeline

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        row = self.rows[index]
        result = self.pipeline(image=images[row], label=labels[row])
        return result["image"].float() / 255, result["label"]


if __name__ == "__main__":
    torch.manual_seed(0)
    # A bank is built once; the workers of any loader can read it.
    sampler = ConditionalVAE(max_steps=500, random_state=0).fit(images[:300], labels[:300])
    bank = SampleBank.build(sampler, 2000, tempfile.mkdtemp() + "/digits")

    replace = SyntheticReplace(bank, labels="balanced", p=0.2)
    vary = Vary(bank, strength=(0.1, 0.4), p=0.3)
    augment = A.Compose([replace, vary, A.GaussNoise(std_range=(0.05, 0.1)), ToTensorV2()])
    train = Digits(range(300), augment)
    test = Digits(range(300, len(images)), A.Compose([ToTensorV2()]))
    # Without seed_workers, all workers and epochs would use the same random numbers.
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
        correct = [model(x).argmax(dim=1) == y for x, y in DataLoader(test, batch_size=500)]
    print(f"accuracy on rows not seen: {torch.cat(correct).float().mean():.3f}")
