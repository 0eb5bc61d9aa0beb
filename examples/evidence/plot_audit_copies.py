"""
An audit that finds copies
==========================

A generator may have memorised the images that it was trained on. Its samples then look perfect, and
they give training rows away. `gen_augment.audit` compares them with real rows that the generator
has not seen.
"""

# %%
# Two generators for the same rows
# --------------------------------
# The first stands for a model that learned its training images by heart: its noise only chooses one
# of them. The second is a flow that was trained for a few seconds.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from gen_augment import ConditionalFlow, PretrainedSampler, audit
from gen_augment.filters import CopyGate

digits = load_digits()
images = (digits.images * 15.9).astype("uint8")
X, X_unseen, y, y_unseen = train_test_split(
    images, digits.target, train_size=900, stratify=digits.target, random_state=0
)
memory = torch.from_numpy(X.astype("float32")).unsqueeze(1) / 127.5 - 1


def by_heart(z, classes):
    """Choose a training image of each class."""
    places = torch.special.ndtr(z[:, 0]).clamp(0, 0.999)
    rows = [np.flatnonzero(y == int(digit)) for digit in classes]
    return memory[[row[int(place * len(row))] for row, place in zip(rows, places, strict=True)]]


leaking = PretrainedSampler(by_heart, latent_shape=(1,), name="by heart", random_state=0)
flow = ConditionalFlow(max_steps=400, width=16, random_state=0)
samplers = {"by heart": leaking.fit(X, y), "flow": flow.fit(X, y)}

# %%
# Look at samples
# ---------------
# Under each sample, in blue, is the training image that is nearest to it. The first generator makes
# the sharper images, and that is the problem.

figure, axes = plt.subplots(4, 10, figsize=(7, 3.2), layout="constrained")
for line, (name, sampler) in zip((0, 2), samplers.items(), strict=True):
    X_new, _ = sampler.sample(y=dict.fromkeys(range(10), 1))
    distances = np.linalg.norm(X_new[:, None].astype(float) - X.astype(float), axis=(2, 3))
    for column, (image, distance) in enumerate(zip(X_new, distances, strict=True)):
        axes[line, column].imshow(image, cmap="gray_r")
        axes[line + 1, column].imshow(X[distance.argmin()], cmap="Blues")
    axes[line, 0].set_ylabel(name)
    axes[line + 1, 0].set_ylabel("nearest")
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])

# %%
# Ask for an audit
# ----------------
# Unseen real rows are the reference. A finding is a difference that chance does not explain.

model = LogisticRegression(max_iter=300)
sheets = {
    name: audit(
        sampler, X, y, holdout=(X_unseen, y_unseen), model=model, features="values", n_samples=500
    )
    for name, sampler in samplers.items()
}
for name, sheet in sheets.items():
    print(f"{name}: {sheet.verdict}", *sheet.findings, sep="\n  - ")

# %%
# The figures behind the findings
# -------------------------------
# A careful reader sees that the flow is not perfect either: it leans towards its training rows.

figures = ["copies", "memorisation", "share_nearer_to_train", "membership_auc"]
for name, sheet in sheets.items():
    print(name, sheet.table.loc[figures].round(2).to_string(), sep="\n")

# %%
# Keep copies out
# ---------------
# `gen_augment.filters.CopyGate` refuses copies, and raises an error if there are more than you
# allow.

gate = CopyGate(max_copies=300).fit(X, y)
for name, sampler in samplers.items():
    print(f"copies among 300 rows of {name}: {300 - gate(*sampler.sample(300)).sum()}")
