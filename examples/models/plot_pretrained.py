"""
A generator that you already have
=================================

`gen_augment.PretrainedSampler` wraps a generator that somebody else has trained. It trains nothing.
Samples have the labels and the format of your own rows.
"""

# %%
# A generator, and sixty images of our own
# ----------------------------------------
# A small module stands for the model from elsewhere: ``mean_y + z A_y``, with the principal
# components of each digit. ``torch.jit.load(path)`` returns a module too.

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import PretrainedSampler, augment_loader

digits = load_digits()
X = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8) in [-1, 1]
y = torch.from_numpy(digits.target)
train = TensorDataset(X[:60], y[:60])


class Eigendigits(nn.Module):
    def __init__(self, images, labels, n_components=12):
        super().__init__()
        means, axes = [], []
        for digit in range(10):
            rows = images[labels == digit].flatten(1)
            means.append(rows.mean(dim=0))
            _, scale, direction = torch.linalg.svd(rows - means[-1], full_matrices=False)
            axes.append(scale[:n_components, None] * direction[:n_components] / len(rows) ** 0.5)
        self.register_buffer("mean", torch.stack(means))
        self.register_buffer("axes", torch.stack(axes))  # (10, n_components, 64)

    def forward(self, z, y):
        rows = self.mean[y] + torch.einsum("bk,bkd->bd", z, self.axes[y])
        return rows.clamp(-1, 1).reshape(-1, 1, 8, 8)


generator = Eigendigits(X[1000:], y[1000:])

# %%
# Wrap it
# -------
# ``fit`` reads the shape, the labels and the class shares of our rows, and checks that the
# generator matches them.

sampler = PretrainedSampler(generator, latent_shape=(12,), random_state=0).fit(train)
images, labels = sampler.sample(y=dict.fromkeys(range(10), 3))

figure, axes = plt.subplots(4, 10, figsize=(6, 2.8), layout="constrained")
for column, line in enumerate(axes.T):
    ours = X[:60][y[:60] == column][0]
    for axis, image in zip(line, [ours, *images[labels == column]], strict=True):
        axis.imshow(image[0], cmap="gray_r")
        axis.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("ours")
axes[2, 0].set_ylabel("wrapped")

# %%
# It goes wherever a sampler goes
# -------------------------------

loader = DataLoader(train, batch_size=32, shuffle=True)
loader = augment_loader(loader, sampler, ratio=0.5, labels="balanced")

torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for _ in range(150):
    for inputs, classes in loader:
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(model(inputs), classes))
        optimizer.step()

# %%

with torch.no_grad():
    accuracy = (model(X[60:1000]).argmax(dim=1) == y[60:1000]).float().mean()
print(f"accuracy on rows not seen: {accuracy:.3f}")
