"""
Photographs of several sizes
============================

Photographs are larger than the images of most benchmarks, and no two have the same size.
``Image(image_size=...)`` brings them to one, and ``latent="learned"`` lets a sampler work on small
latent images. The real photographs keep their size until your own pipeline resizes them.
"""

# %%
# Pieces of two photographs
# -------------------------
# Scikit-learn has a photograph of a temple and one of a flower. We cut pieces of 80 to 200 px out
# of their left halves to train on, and out of their right halves to test.

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image as Picture
from sklearn.datasets import load_sample_images
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from gen_augment import ConditionalFlow, augment_loader
from gen_augment.modalities import Image

rng = np.random.default_rng(0)


class Pieces(Dataset):
    """Pieces of one half of each photograph, as PIL images, with their labels."""

    def __init__(self, n, left, transform=None):
        self.transform, self.rows = transform, []
        for number in range(n):
            photograph = Picture.fromarray(load_sample_images().images[number % 2])
            width, height = (int(side) for side in rng.integers(80, 201, 2))
            x = int(rng.integers(0, 320 - width)) + (0 if left else 320)
            y = int(rng.integers(0, photograph.height - height))
            self.rows.append((photograph.crop((x, y, x + width, y + height)), number % 2))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        image, label = self.rows[index]
        return (image if self.transform is None else self.transform(image)), label


train = Pieces(160, left=True)
print("sizes:", sorted({image.size for image, _ in train})[:4], "...")

# %%
# A flow on latent images
# -----------------------
# Each patch of 8 x 8 px becomes 16 numbers, and the flow learns their joint distribution.

flow = ConditionalFlow(
    modality=Image(image_size=64, latent="learned"), max_steps=800, batch_size=32, random_state=0
).fit(train)
images, labels = flow.sample(y={0: 8, 1: 8}, random_state=0)
print("one latent image:", flow.codec_.shape, "and one synthetic row:", images[0].size)

# %%
# Real and synthetic
# ------------------
# Some edges of patches can be seen. Longer training, or an autoencoder of diffusers, has fewer.

real = [[image for image, label in train if label == wanted][:4] for wanted in (0, 1)]
figure, axes = plt.subplots(4, 8, figsize=(7, 3.6), layout="constrained")
for wanted in (0, 1):
    for axis, image in zip(axes[2 * wanted], real[wanted] * 2, strict=True):
        axis.imshow(image.resize((64, 64)))
    for axis, image in zip(axes[2 * wanted + 1], images[8 * wanted : 8 * wanted + 8], strict=True):
        axis.imshow(image)
for axis, title in zip(axes[:, 0], ["real", "flow", "real", "flow"], strict=True):
    axis.set_ylabel(title)
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])

# %%
# Into a loader at the size of the classifier
# -------------------------------------------
# The steps of the pipeline are applied to real photographs by the Dataset, and to synthetic ones by
# ``augment_loader``.

steps = v2.Compose(
    [v2.Resize(48), v2.CenterCrop(48), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
)
train.transform = steps
loader = DataLoader(train, batch_size=32, shuffle=True)
loader = augment_loader(loader, flow, ratio=0.25, transform=steps)

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(3, 16, 5, stride=4),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(4),
    nn.Flatten(),
    nn.Linear(256, 2),
)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for _ in range(15):
    for inputs, classes in loader:
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(model(inputs), classes))
        optimizer.step()

# %%

test = Pieces(80, left=False, transform=steps)
inputs, classes = next(iter(DataLoader(test, batch_size=80)))
with torch.no_grad():
    accuracy = (model(inputs).argmax(dim=1) == classes).float().mean()
print(f"accuracy on rows not seen: {accuracy:.3f}")
