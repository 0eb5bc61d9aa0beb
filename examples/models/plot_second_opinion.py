"""
A second opinion from a flow
============================

A generator knows how likely an image is in each class. `gen_augment.Blend` adds this opinion to
that of a network. No synthetic row is used.
"""

# %%
# Fifteen images of each digit
# ----------------------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from gen_augment import Blend, ConditionalFlow
from gen_augment.study import Training

digits = load_digits()
images = (digits.images * 15.9).astype(np.uint8)  # (n, 8, 8)
X, X_test, y, y_test = train_test_split(
    images,
    digits.target,
    train_size=150,
    test_size=300,
    stratify=digits.target,
    random_state=0,
)


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


# %%
# Fit both on the same rows
# -------------------------
# Each half is held out once, to decide how much weight each opinion has. Then both are fitted
# on all rows.

blend = Blend(
    make_model,
    ConditionalFlow(max_steps=200, width=16, device="cpu"),
    recipe="shift",
    training=Training(300, device="cpu"),
    n_folds=2,
    random_state=0,
).fit(X, y)
network, flow = blend.weights_
print(f"weight of the network: {network:.2f}, of the flow's scores: {flow:.3f}")

# %%
# What the blend is unsure about
# ------------------------------
# These are the test images with the smallest probability of the predicted class.

proba = blend.predict_proba(X_test)
unsure = proba.max(axis=1).argsort()[:10]
figure, axes = plt.subplots(1, 10, figsize=(8, 1.5), layout="constrained")
for axis, row in zip(axes, unsure, strict=True):
    axis.imshow(X_test[row], cmap="gray_r")
    axis.set(xticks=[], yticks=[], title=f"{proba[row].argmax()}, {proba[row].max():.0%}")
    axis.set_xlabel(f"is {y_test[row]}")

# %%
# The flow alone is a classifier too
# ----------------------------------
# It has learned from the same rows as the network. On your data, compare a blend with an
# ensemble of networks, which costs about as much.

scores = blend.sampler_.class_scores(X_test, n_pairs=4, n_close=0)
print(f"the flow alone: {(scores.argmax(axis=1) == y_test).mean():.3f}")
print(f"mean probability of the predicted class: {proba.max(axis=1).mean():.3f}")
print(f"accuracy on rows not seen: {blend.score(X_test, y_test):.3f}")
