"""
Hugging Face's Trainer: images
==============================

``Trainer`` builds its own loaders, so synthetic rows enter in the collator. Rows are dicts
there, and `gen_augment.SyntheticMix` takes dicts too.
"""

# %%
# Images as Trainer expects them
# ------------------------------

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import Dataset, default_collate
from transformers import PrinterCallback, Trainer, TrainingArguments, set_seed

from gen_augment import ConditionalVAE, SampleBank, SyntheticMix

digits = load_digits()
X = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8)
y = torch.from_numpy(digits.target)


class Images(Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return {"pixel_values": self.images[index], "labels": self.labels[index]}


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, pixel_values, labels=None):
        logits = self.network(pixel_values)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


# %%
# A collator with a bank
# ----------------------
# Collators run in workers, which can read a bank. A class can be pickled for them.

sampler = ConditionalVAE(max_steps=500, random_state=0).fit(X[:300], y[:300])
folder = tempfile.mkdtemp()
bank = SampleBank.build(sampler, 1000, folder + "/bank")


class Collator:
    def __init__(self, mix):
        self.mix = mix

    def __call__(self, rows):
        return self.mix(default_collate(rows))


collator = Collator(SyntheticMix(bank, ratio=0.3))

# %%
# A collated batch
# ----------------
# The upper line has the rows that came in, with their labels. In the lower line, rows in an orange
# frame have been replaced.

rows = [Images(X, y)[index] for index in range(12)]
before, after = default_collate(rows), collator(rows)
replaced = (before["pixel_values"] != after["pixel_values"]).flatten(1).any(dim=1)
figure, axes = plt.subplots(2, 12, figsize=(7, 1.8), layout="constrained")
for line, batch in zip(axes, (before, after), strict=True):
    for axis, image, label in zip(line, batch["pixel_values"], batch["labels"], strict=True):
        axis.imshow(image[0], cmap="gray_r")
        axis.set(xticks=[], yticks=[], xlabel=int(label))
for axis in axes[1, replaced.numpy()]:
    axis.spines[:].set(color="C1", linewidth=3)

# %%
# Only training batches
# ---------------------
# Trainer uses one collator for training and for evaluation. Evaluation must see real rows only.


class AugmentedTrainer(Trainer):
    def get_eval_dataloader(self, eval_dataset=None):
        collator, self.data_collator = self.data_collator, default_collate
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = collator


# %%
# Train
# -----

set_seed(0)
arguments = TrainingArguments(
    folder,
    num_train_epochs=20,
    per_device_train_batch_size=32,
    learning_rate=5e-3,
    report_to=[],
    use_cpu=True,
    save_strategy="no",
    logging_strategy="no",
    disable_tqdm=True,
)
trainer = AugmentedTrainer(
    Classifier(),
    arguments,
    data_collator=collator,
    train_dataset=Images(X[:300], y[:300]),
    eval_dataset=Images(X[300:], y[300:]),
    compute_metrics=lambda found: {
        "accuracy": np.mean(found.predictions.argmax(axis=1) == found.label_ids)
    },
)
trainer.remove_callback(PrinterCallback)
trainer.train()
print(f"accuracy on rows not seen: {trainer.evaluate()['eval_accuracy']:.3f}")
