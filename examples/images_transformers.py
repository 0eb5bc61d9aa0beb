"""Hugging Face's Trainer: a collator that adds synthetic rows to each batch.

Run: python examples/images_transformers.py        (about half a minute)
"""

import tempfile

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import Dataset, default_collate
from transformers import Trainer, TrainingArguments, set_seed

from gen_augment import ConditionalVAE, SampleBank, SyntheticMix

digits = load_digits()
X = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # (n, 1, 8, 8)
y = torch.from_numpy(digits.target)


class Images(Dataset):
    """Rows as dicts, the format that Trainer expects."""

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


class Collator:
    """Collates batches with synthetic rows; a class can be pickled for workers."""

    def __init__(self, mix):
        self.mix = mix

    def __call__(self, rows):
        return self.mix(default_collate(rows))


class AugmentedTrainer(Trainer):
    # Trainer uses one collator for training and evaluation. Only training batches
    # should have synthetic rows.
    def get_eval_dataloader(self, eval_dataset=None):
        collator, self.data_collator = self.data_collator, default_collate
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = collator


set_seed(0)
sampler = ConditionalVAE(max_steps=300, random_state=0).fit(X[:300], y[:300])
with tempfile.TemporaryDirectory() as folder:
    # Collators run in workers, which can read a bank.
    bank = SampleBank.build(sampler, 2000, folder + "/bank")
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
        data_collator=Collator(SyntheticMix(bank, ratio=0.3)),
        train_dataset=Images(X[:300], y[:300]),
        eval_dataset=Images(X[300:], y[300:]),
        compute_metrics=lambda result: {
            "accuracy": np.mean(result.predictions.argmax(axis=1) == result.label_ids)
        },
    )
    trainer.train()
    print(f"accuracy on rows not seen: {trainer.evaluate()['eval_accuracy']:.3f}")
