"""
Exact class counts in a DataLoader
==================================

A rare class has too few rows to be learned well. `gen_augment.AugmentedDataset` fills it up to the
number that you ask for, and any ``DataLoader`` reads the result.
"""

# %%
# Digits with two rare classes
# ----------------------------
# Only twelve images of 3 and twelve of 8 are left. All other digits keep sixty.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import AugmentedDataset, ConditionalVAE

digits = load_digits()
kept = {digit: 12 if digit in (3, 8) else 60 for digit in range(10)}
rows = np.concatenate([np.flatnonzero(digits.target == d)[:n] for d, n in kept.items()])
X = torch.from_numpy(digits.images[rows]).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8)
y = torch.from_numpy(digits.target[rows])
real = TensorDataset(X, y)

# %%
# Fit a generator, and ask for exact numbers
# ------------------------------------------
# ``counts`` are the synthetic rows of each class. ``sampling_strategy="auto"`` would work out the
# same numbers.

sampler = ConditionalVAE(max_steps=800, random_state=0).fit(real)
data = AugmentedDataset(real, sampler, counts={3: 48, 8: 48}, return_provenance=True)
labels = data.labels
print("rows of each digit:", np.bincount(labels).tolist())

# %%
# The counts before and after
# ---------------------------

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
n_real = np.bincount(y)
axes.bar(range(10), n_real, color="0.6", label="real")
axes.bar(range(10), np.bincount(labels) - n_real, bottom=n_real, color="C1", label="synthetic")
axes.set(xticks=range(10), xlabel="digit", ylabel="rows")
axes.legend(loc="lower left")

# %%
# One shuffled batch
# ------------------
# With ``return_provenance=True``, each row says where it comes from. Here synthetic images have an
# orange frame. In training, leave ``return_provenance`` and ``collate_fn`` out.

torch.manual_seed(1)
loader = DataLoader(data, batch_size=40, shuffle=True, collate_fn=list)
figure, axes = plt.subplots(4, 10, figsize=(6, 2.8), layout="constrained")
for axis, (image, _, origin) in zip(axes.flat, next(iter(loader)), strict=True):
    axis.imshow(image[0], cmap="gray_r")
    axis.set(xticks=[], yticks=[])
    if origin.is_synthetic:
        axis.spines[:].set(color="C1", linewidth=3)

# %%
# Every row can be traced: the address of a synthetic row generates the same row again.

_, label, origin = data[len(data) - 1]
print(f"an image of {label}: seed {origin.seed}, row {origin.row}")
print("synthetic rows:", sum(data.is_synthetic(index) for index in range(len(data))))
