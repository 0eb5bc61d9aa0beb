"""A training loop in the style of timm: wrap the loader and keep the rest.

The loop has soft labels, a mix function after the loader, a learning-rate schedule per
update, and averaged weights.

Run: python examples/images_timm.py        (about half a minute)
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from gen_augment import ConditionalVAE, augment_loader

N_EPOCHS, LR = 20, 5e-3

digits = load_digits()
X = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8)
y = torch.from_numpy(digits.target)
train = TensorDataset(X[:300], y[:300])
torch.manual_seed(0)
sampler = ConditionalVAE(max_steps=300, random_state=0).fit(train)

# Only the loader is wrapped. Its length, the schedule, the mix function and the loss
# are unchanged.
loader_train = DataLoader(train, batch_size=32, shuffle=True, drop_last=True)
loader_train = augment_loader(loader_train, sampler, ratio=0.3, labels="balanced")
mixup_fn = v2.RandomChoice([v2.MixUp(alpha=0.2, num_classes=10), v2.CutMix(num_classes=10)])
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
model_ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.98))
optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
updates_per_epoch = len(loader_train)
scheduler = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, LR, total_steps=N_EPOCHS * updates_per_epoch
)

for epoch in range(N_EPOCHS):
    loader_train.set_epoch(epoch)
    for images, labels in loader_train:
        images, soft = mixup_fn(images, labels)
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(model(images), soft))
        optimizer.step()
        scheduler.step()
        model_ema.update_parameters(model)

with torch.no_grad():
    accuracy = (model_ema(X[300:]).argmax(dim=1) == y[300:]).float().mean()
print(f"accuracy on rows not seen: {accuracy:.3f}")
