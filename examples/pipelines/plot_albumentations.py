"""
In an albumentations pipeline
=============================

``SyntheticReplace`` and ``Vary`` are transforms of single images. They go into a ``Compose`` like
any other, in the dataset that you already have.
"""

# %%
# A generator, and a bank of its rows
# -----------------------------------
# A bank holds rows that were generated once. All workers of a loader can read it.

import tempfile

import albumentations as A
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

from gen_augment import ConditionalVAE, SampleBank
from gen_augment.inject.albumentations import SyntheticReplace, Vary, seed_workers

# Shape (n, 8, 8, 1), values from 0 to 255.
images = (load_digits().images * 15.9).astype(np.uint8)[..., None]
labels = load_digits().target
sampler = ConditionalVAE(max_steps=600, random_state=0).fit(images[:600], labels[:600])
bank = SampleBank.build(sampler, 1000, tempfile.mkdtemp() + "/digits")

# %%
# Two transforms
# --------------
# ``Vary`` moves an image towards a synthetic image of its class. ``SyntheticReplace`` puts a
# synthetic image in its place. Each line of the figure is one digit: the original, then four new
# versions by each transform.


def versions(transform, image, label):
    """Return four versions of an image."""
    pipeline = A.Compose([transform], seed=0)
    return [pipeline(image=image, label=label)["image"] for _ in range(4)]


vary, replace = Vary(bank, strength=(0.2, 0.6), p=1), SyntheticReplace(bank, p=1)
figure, axes = plt.subplots(4, 9, figsize=(7, 3.4), layout="constrained")
for line, axis in zip((3, 5, 8, 9), axes, strict=True):
    image, label = images[line], int(labels[line])
    row = [image, *versions(vary, image, label), *versions(replace, image, label)]
    for place, each in zip(axis, row, strict=True):
        place.imshow(each[..., 0], cmap="gray_r")
        place.set(xticks=[], yticks=[])
axes[0, 0].set_title("original")
axes[0, 2].set_title("Vary", loc="left")
axes[0, 6].set_title("SyntheticReplace", loc="left")

# %%
# A dataset with the whole pipeline
# ---------------------------------
# In training, ``p`` is small. ``labels="balanced"`` lets the replacement have any class, all alike.

augment = A.Compose(
    [
        SyntheticReplace(bank, labels="balanced", p=0.2),
        Vary(bank, strength=(0.1, 0.4), p=0.3),
        A.GaussNoise(std_range=(0.05, 0.1)),
    ]
)


class Digits(Dataset):
    def __len__(self):
        return 600

    def __getitem__(self, index):
        done = augment(image=images[index], label=labels[index])
        return done["image"], int(done["label"])


# %%
# Seed the workers
# ----------------
# Without ``seed_workers``, all workers and epochs would use the same random numbers.

if __name__ == "__main__":
    workers = {"num_workers": 2, "worker_init_fn": seed_workers(augment)}
    loader = DataLoader(Digits(), batch_size=100, shuffle=True, **workers)
    counts = sum(np.bincount(classes, minlength=10) for _, classes in loader)
    print("images of each digit in one epoch:", counts)
    print("images in one epoch:", counts.sum())
