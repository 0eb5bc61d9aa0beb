"""
torchvision v2 with MixUp
=========================

Synthetic rows and MixUp do not exclude each other. `gen_augment.SyntheticMix` turns a part of a
batch into synthetic images, and ``v2.MixUp`` blends the result.
"""

# %%
# Images and a generator
# ----------------------

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, default_collate
from torchvision.transforms import v2

from gen_augment import ConditionalVAE, SyntheticMix

digits = load_digits()
X = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8) in [-1, 1]
y = torch.from_numpy(digits.target)
train = TensorDataset(X[:300], y[:300])
sampler = ConditionalVAE(max_steps=600, random_state=0).fit(train)

# %%
# Both in the collate function
# ----------------------------
# A third of each batch becomes synthetic, with all classes alike. MixUp comes last, because its
# labels are soft.

mix = SyntheticMix(sampler, ratio=1 / 3, labels="balanced")
mixup = v2.MixUp(alpha=0.4, num_classes=10)


def collate(rows):
    return mixup(*mix(default_collate(rows)))


torch.manual_seed(0)
loader = DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)

# %%
# The three stages of a batch
# ---------------------------

real = default_collate([train[index] for index in range(10)])
mixed = mix(real)
stages = {"real": real, "after SyntheticMix": mixed, "after MixUp": mixup(*mixed)}
figure, axes = plt.subplots(3, 10, figsize=(7, 2.8), layout="constrained")
for line, (name, (images, _)) in zip(axes, stages.items(), strict=True):
    for axis, image in zip(line, images, strict=True):
        axis.imshow(image[0], cmap="gray_r")
        axis.set(xticks=[], yticks=[])
    line[0].set_title(name, loc="left", fontsize="medium")

# %%
# Train as always
# ---------------

model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for _ in range(40):
    for images, labels in loader:
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(model(images), labels))
        optimizer.step()

# %%
# The score says that the loop works. Whether synthetic rows help is a question for a study.

with torch.no_grad():
    accuracy = (model(X[300:]).argmax(dim=1) == y[300:]).float().mean()
print(f"accuracy on rows not seen: {accuracy:.3f}")
