"""
A walk through latent space
===========================

A variational autoencoder gives each image a code. A path between two codes gives a smooth film from
one image to the other, and each picture on the way looks like a digit.
"""

# %%
# Fit a generator
# ---------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from gen_augment import ConditionalVAE
from gen_augment.auditing import interpolate, traverse

digits = load_digits()
X, y = (digits.images * 15.9).astype("uint8"), digits.target
sampler = ConditionalVAE(max_steps=1500, random_state=0).fit(X, y)


def show(images, n_columns, title):
    """Draw images of shape (n, 8, 8), `n_columns` to a line."""
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    lines = framed.reshape(-1, n_columns, 10, 10).swapaxes(1, 2).reshape(-1, 10 * n_columns)
    height = 0.4 + 7 * len(lines) / lines.shape[1]
    _, axes = plt.subplots(figsize=(7, height), layout="constrained")
    axes.imshow(lines, cmap="magma", interpolation="bicubic")
    axes.set_title(title)
    axes.axis("off")


# %%
# From one handwriting to another
# -------------------------------
# Each line goes from one real image to the image of the same digit that differs most from it.

first = np.array([np.flatnonzero(y == digit)[1] for digit in range(10)])
last = [
    max(np.flatnonzero(y == y[i]), key=lambda j: np.abs(digits.images[i] - digits.images[j]).sum())
    for i in first
]
walk = interpolate(sampler, X[first], X[last], y=np.arange(10), n_steps=12)
show(walk, 12, "From one handwriting to another")

# %%
# Where the handwriting of a digit varies most
# --------------------------------------------
# The lines follow the principal axes of the codes of all sevens.

axes_of_seven = traverse(sampler, X[y == 7], 7, n_axes=4, n_steps=11)
show(axes_of_seven, 11, "Four directions in which sevens vary")

# %%
# How smooth is the walk?
# -----------------------
# One step changes an image far less than a jump to the other end.

walks = walk.reshape(10, 12, 64).astype(float)
step = np.abs(np.diff(walks, axis=1)).mean()
jump = np.abs(walks[:, -1] - walks[:, 0]).mean()
print(f"mean change of a pixel: {step:.1f} in one step, {jump:.1f} from end to end")
print(f"size of a step, as a share of the jump: {step / jump:.2f}")
