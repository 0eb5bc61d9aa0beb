"""
Six samplers on two moons
=========================

Two columns and two classes are enough to see what a sampler learns, and where it goes wrong.
"""

# %%
# The data
# --------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.neighbors import NearestNeighbors

from gen_augment import (
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    KDESampler,
    MixtureSampler,
    SMOTESampler,
)

X, y = make_moons(400, noise=0.08, random_state=0)
unseen, _ = make_moons(400, noise=0.08, random_state=1)

# %%
# One interface for all
# ---------------------
# Three samplers train a network. Three learn from all rows at once, in well under a second.

samplers = {
    "ConditionalFlow": ConditionalFlow(max_steps=1500, random_state=0),
    "ConditionalVAE": ConditionalVAE(max_steps=1500, random_state=0),
    "ConditionalGAN": ConditionalGAN(max_steps=1500, random_state=0),
    "KDESampler": KDESampler(random_state=0),
    "MixtureSampler": MixtureSampler(random_state=0),
    "SMOTESampler": SMOTESampler(random_state=0),
}
rows = {name: sampler.fit(X, y).sample(400) for name, sampler in samplers.items()}

# %%
# What they learned
# -----------------
# Grey points are real rows, and coloured ones are synthetic.

figure, axes = plt.subplots(2, 3, figsize=(9, 5), sharex=True, sharey=True, layout="constrained")
for axis, (name, (X_new, y_new)) in zip(axes.flat, rows.items(), strict=True):
    axis.scatter(*X.T, s=8, color="0.8")
    axis.scatter(*X_new.T, s=6, c=np.where(y_new == 1, "C1", "C0"))
    axis.set(title=name, xticks=[], yticks=[])

# %%
# How far from real rows?
# -----------------------
# The mean distance to the nearest unseen real row is small for rows in the right place. It says
# nothing about copies: `SMOTESampler` does well because it stays between training rows.

nearest = NearestNeighbors(n_neighbors=1).fit(unseen)
fresh, _ = make_moons(400, noise=0.08, random_state=2)
for name, (X_new, _) in {**rows, "new real rows": (fresh, None)}.items():
    print(f"{name}: {nearest.kneighbors(X_new)[0].mean():.3f}")
