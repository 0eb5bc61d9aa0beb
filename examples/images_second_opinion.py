"""A second opinion: a flow's density beside a network that has few labels.

The flow is trained on the same rows as the network. Its rows are not used. Instead, it says for
each class how well it could have generated an image, and `Blend` adds this to the network's
log-probabilities, with weights that are fitted on held-out rows.

Run: python examples/images_second_opinion.py        (about half a minute)
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from gen_augment import Blend, ConditionalFlow
from gen_augment.study import Training

PER_CLASS = 15


def make_model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


digits = load_digits()
images = (digits.images * 255 / 16).astype(np.uint8)  # (n, 8, 8)
X, X_test, y, y_test = train_test_split(
    images,
    digits.target,
    train_size=10 * PER_CLASS,
    test_size=300,
    stratify=digits.target,
    random_state=0,
)

# 1. A network and a flow on the same 150 images. Each half is held out once, to decide how much
# weight each opinion has. Then both are fitted on all 150.
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

# 2. The flow alone is a classifier too; fewer pairs of time and noise are faster.
scores = blend.sampler_.class_scores(X_test, n_pairs=4, n_close=0)
print(f"the flow alone: {(scores.argmax(axis=1) == y_test).mean():.3f}")

# 3. Both together give calibrated probabilities.
proba = blend.predict_proba(X_test)
print(f"mean probability of the predicted class: {proba.max(axis=1).mean():.3f}")
print(f"accuracy on rows not seen: {blend.score(X_test, y_test):.3f}")
