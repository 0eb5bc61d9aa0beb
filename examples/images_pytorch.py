"""Images in plain PyTorch: fit a sampler, augment a loader, measure the benefit.

Run: python examples/images_pytorch.py        (about a minute)
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import ConditionalGAN, Study, augment_loader
from gen_augment.study import Split, Training


def make_model() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


digits = load_digits()
X = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8) in [-1, 1]
y = torch.from_numpy(digits.target)
train = TensorDataset(X[:300], y[:300])

# 1. Fit a sampler on the training rows only.
sampler = ConditionalGAN(max_steps=300, random_state=0).fit(train)

# 2. Wrap the loader: one third of each batch becomes synthetic.
loader = augment_loader(DataLoader(train, batch_size=32, shuffle=True), sampler, ratio=1 / 3)
model = make_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for _ in range(20):
    for images, labels in loader:
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(model(images), labels))
        optimizer.step()
with torch.no_grad():
    accuracy = (model(X[300:]).argmax(dim=1) == y[300:]).float().mean()
print(f"accuracy on rows not seen: {accuracy:.3f}")

# 3. One run is no evidence. A study has paired seeds, equal steps, strong baselines and
# confidence intervals.
study = Study(
    X.numpy(),
    digits.target,
    model=make_model,
    arms=["real", "shift", "mixup", "gan", "gan+mixup"],
    samplers={"gan": ConditionalGAN(max_steps=200)},
    split=Split(per_class=30),
    training=Training(n_steps=200),
    n_seeds=3,
)
print(study.run().verdict())
