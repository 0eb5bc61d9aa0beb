"""A torchvision pipeline: replace some images by synthetic rows, and vary others.

Run: python examples/images_torchvision.py        (about 20 seconds)
"""

import tempfile
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from gen_augment import ConditionalVAE, SampleBank
from gen_augment.inject.torchvision import SyntheticReplace, Vary

# Shape (n, 1, 8, 8), values from 0 to 255.
images = torch.from_numpy(load_digits().images * 15.9375).to(torch.uint8).unsqueeze(1)
labels = torch.from_numpy(load_digits().target)


class Digits(Dataset[Any]):
    """The first 300 digits; `transforms` takes the image and the label."""

    def __init__(self, transforms: v2.Transform) -> None:
        self.transforms = transforms

    def __len__(self) -> int:
        return 300

    def __getitem__(self, index: int) -> Any:
        return self.transforms(tv_tensors.Image(images[index]), int(labels[index]))


if __name__ == "__main__":
    torch.manual_seed(0)
    # A bank is built once; the workers of any loader can read it.
    sampler = ConditionalVAE(max_steps=500, random_state=0).fit(images[:300], labels[:300])
    bank = SampleBank.build(sampler, 2000, tempfile.mkdtemp() + "/digits")

    replace = SyntheticReplace(bank, p=0.2, labels="balanced")
    vary = Vary(bank, p=0.3, strength=(0.1, 0.4))
    to_float = v2.ToDtype(torch.float32, scale=True)
    augment = v2.Compose([replace, vary, to_float, v2.RandomErasing(p=0.2, scale=(0.02, 0.1))])
    loader = DataLoader(
        Digits(augment), batch_size=32, shuffle=True, num_workers=2, persistent_workers=True
    )
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(60):
        for x, y in loader:
            optimizer.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(model(x), y))
            optimizer.step()
    with torch.no_grad():
        accuracy = (model(to_float(images[300:])).argmax(dim=1) == labels[300:]).float().mean()
    print(f"accuracy on rows not seen: {accuracy:.3f}")
