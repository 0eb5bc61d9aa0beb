"""
With Lightning
==============

Synthetic rows enter Lightning in one of two places: in the loader, or in a hook after the batch has
reached the device.
"""

# %%
# Images and a generator
# ----------------------

import logging
import warnings

import matplotlib.pyplot as plt
import pytorch_lightning as pl
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import ConditionalVAE, SyntheticMix, augment_loader

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message=".*does not have many workers.*|.*LeafSpec.*")

digits = load_digits()
X = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8)
y = torch.from_numpy(digits.target)
train, test = TensorDataset(X[:300], y[:300]), TensorDataset(X[300:], y[300:])
sampler = ConditionalVAE(max_steps=500, random_state=0).fit(train)

# %%
# A module with a hook
# --------------------
# In the hook, a sampler on a GPU generates its rows on that GPU. Without ``mix`` it is a module
# like any other.


class Classifier(pl.LightningModule):
    def __init__(self, mix=None):
        super().__init__()
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        self.mix = mix
        self.losses = []

    def on_after_batch_transfer(self, batch, dataloader_idx):
        return self.mix(batch) if self.mix is not None and self.trainer.training else batch

    def training_step(self, batch, batch_idx):
        images, labels = batch
        loss = nn.functional.cross_entropy(self.network(images), labels)
        self.losses.append(loss.item())
        return loss

    def test_step(self, batch, batch_idx):
        images, labels = batch
        self.log("accuracy", (self.network(images).argmax(dim=1) == labels).float().mean())

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=2e-3)


# %%
# Both ways
# ---------


def train_and_test(model, loader):
    trainer = pl.Trainer(
        max_epochs=20,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, loader)
    return trainer.test(model, DataLoader(test, batch_size=500), verbose=False)[0]["accuracy"]


pl.seed_everything(0, verbose=False)
loader = DataLoader(train, batch_size=32, shuffle=True)
plain, wrapped, hooked = Classifier(), Classifier(), Classifier(SyntheticMix(sampler, ratio=0.3))
scores = {
    "real rows only": train_and_test(plain, loader),
    "in the loader": train_and_test(wrapped, augment_loader(loader, sampler, ratio=0.3)),
    "in the hook": train_and_test(hooked, loader),
}

# %%
# Training runs alike
# -------------------

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for name, model in zip(scores, (plain, wrapped, hooked), strict=True):
    axes.plot(model.losses, label=name, alpha=0.8)
axes.set(xlabel="step", ylabel="training loss", yscale="log")
axes.legend()

# %%
# One run of each is no evidence for or against synthetic rows. It shows that both places work.

for name, accuracy in scores.items():
    print(f"{name}: {accuracy:.3f}")
print(f"accuracy on rows not seen: {accuracy:.3f}")
