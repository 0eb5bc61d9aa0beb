"""
A training loop of your own
===========================

Wrap the loader and keep the rest. The loop below has soft labels, a learning-rate schedule for each
step and averaged weights, as loops in the style of timm have. None of it changes.
"""

# %%
# Fit a generator on the training rows
# ------------------------------------

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from gen_augment import ConditionalVAE, augment_loader

digits = load_digits()
X = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8)
y = torch.from_numpy(digits.target)
train = TensorDataset(X[:300], y[:300])
torch.manual_seed(0)
sampler = ConditionalVAE(max_steps=500, random_state=0).fit(train)

# %%
# Wrap the loader
# ---------------
# Three in ten rows become synthetic. The number of batches and their size stay.

loader = DataLoader(train, batch_size=40, shuffle=True, drop_last=True)
loader = augment_loader(loader, sampler, ratio=0.3, labels="balanced", return_mask=True)

# %%
# A batch
# -------
# ``return_mask=True`` marks the synthetic rows. They have an orange frame here.

images, labels, synthetic = next(iter(loader))
figure, axes = plt.subplots(4, 10, figsize=(6, 2.8), layout="constrained")
for axis, image, marked in zip(axes.flat, images, synthetic, strict=True):
    axis.imshow(image[0], cmap="gray_r")
    axis.set(xticks=[], yticks=[])
    if marked:
        axis.spines[:].set(color="C1", linewidth=3)

# %%
# The loop
# --------

n_epochs, lr = 20, 5e-3
mixup = v2.RandomChoice([v2.MixUp(alpha=0.2, num_classes=10), v2.CutMix(num_classes=10)])
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.98))
optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=n_epochs * len(loader))

for _ in range(n_epochs):
    for images, labels, _ in loader:
        images, soft = mixup(images, labels)
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(model(images), soft))
        optimizer.step()
        schedule.step()
        averaged.update_parameters(model)

# %%
# The loop works. A study tells whether the synthetic rows helped.

with torch.no_grad():
    accuracy = (averaged(X[300:]).argmax(dim=1) == y[300:]).float().mean()
print(f"accuracy on rows not seen: {accuracy:.3f}")
