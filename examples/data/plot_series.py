"""
Series: warping and a flow
==========================

A series has values over time. `gen_augment.TransformSampler` warps the series that you have, and
`gen_augment.ConditionalFlow` learns to make new ones.
"""

# %%
# Heartbeats of a made-up kind
# ----------------------------
# A pulse comes early or late. Its place and height differ from row to row.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from gen_augment import ConditionalFlow, TransformSampler

rng = np.random.default_rng(0)
time = np.linspace(0, 1, 48)


def beats(labels):
    """Return series of shape (n, 48): a pulse, then its echo, and noise."""
    start = np.where(labels == "early", 0.25, 0.45)[:, None] + rng.normal(0, 0.03, (len(labels), 1))
    height = rng.uniform(0.7, 1.3, (len(labels), 1))
    pulse = height * np.exp(-(((time - start) / 0.04) ** 2))
    echo = 0.4 * height * np.exp(-(((time - start - 0.3) / 0.08) ** 2))
    return pulse + echo + rng.normal(0, 0.03, pulse.shape)


y = np.repeat(["early", "late"], 60)
X = beats(y)

# %%
# Two samplers
# ------------
# An array of two axes could be a table, so ``modality="series"`` says what the rows are.

warp = TransformSampler(modality="series", transforms=["time_warp", "scaling"], random_state=0)
flow = ConditionalFlow(modality="series", width=16, max_steps=600, random_state=0)
rows = {"real": (X, y)}
rows["TransformSampler"] = warp.fit(X, y).sample(120)
rows["ConditionalFlow"] = flow.fit(X, y).sample(120)

# %%
# Real, warped and generated series
# ---------------------------------

figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True, layout="constrained")
for axis, (name, (X_new, y_new)) in zip(axes, rows.items(), strict=True):
    for label, color in {"early": "C0", "late": "C1"}.items():
        axis.plot(time, X_new[y_new == label][:8].T, color=color, alpha=0.6, linewidth=1)
    axis.set(title=name, xlabel="time")

# %%
# Means and spreads
# -----------------
# The band is one standard deviation. It shows where a sampler is too narrow or too wide.

figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True, layout="constrained")
for axis, (name, (X_new, y_new)) in zip(axes, rows.items(), strict=True):
    for label, color in {"early": "C0", "late": "C1"}.items():
        mean, spread = X_new[y_new == label].mean(axis=0), X_new[y_new == label].std(axis=0)
        axis.plot(time, mean, color=color, label=label)
        axis.fill_between(time, mean - spread, mean + spread, color=color, alpha=0.2)
    axis.set(title=name, xlabel="time")
axes[0].legend()

# %%
# Do the labels fit?
# ------------------
# A classifier that saw the synthetic rows only is tested on new real series.

y_test = np.repeat(["early", "late"], 100)
X_test = beats(y_test)
for name, (X_new, y_new) in rows.items():
    score = KNeighborsClassifier(1).fit(X_new, y_new).score(X_test, y_test)
    print(f"trained on rows of {name}: {score:.3f}")
print(f"accuracy on rows not seen: {score:.3f}")
