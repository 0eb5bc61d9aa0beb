"""Lightning: add synthetic rows in the loader, or on the device in a hook.

Run: python examples/images_lightning.py        (about half a minute)
"""

import logging
import warnings

import pytorch_lightning as pl
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import ConditionalVAE, SyntheticMix, augment_loader

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message=".*does not have many workers.*")

digits = load_digits()
X = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8)
y = torch.from_numpy(digits.target)
train, test = TensorDataset(X[:300], y[:300]), TensorDataset(X[300:], y[300:])


class Classifier(pl.LightningModule):
    def __init__(self, mix=None):
        super().__init__()
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        self.mix = mix

    def on_after_batch_transfer(self, batch, dataloader_idx):
        # The batch is on the device. A sampler on the same device generates its rows
        # there.
        return self.mix(batch) if self.mix is not None and self.trainer.training else batch

    def training_step(self, batch, batch_idx):
        images, labels = batch
        return nn.functional.cross_entropy(self.network(images), labels)

    def test_step(self, batch, batch_idx):
        images, labels = batch
        self.log("accuracy", (self.network(images).argmax(dim=1) == labels).float().mean())

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=2e-3)


def accuracy(model, loader):
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


sampler = ConditionalVAE(max_steps=300, random_state=0).fit(train)
loader = DataLoader(train, batch_size=32, shuffle=True)
pl.seed_everything(0, verbose=False)
in_loader = accuracy(Classifier(), augment_loader(loader, sampler, ratio=0.3))
on_device = accuracy(Classifier(SyntheticMix(sampler, ratio=0.3)), loader)
print(f"with the wrapped loader: {in_loader:.3f}")
print(f"accuracy on rows not seen: {on_device:.3f}")
