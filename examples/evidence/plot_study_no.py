"""
A study that says no
====================

Does a generator help your classifier? One training run cannot tell. A study repeats the comparison
over paired seeds, gives the other side its best methods, and says so plainly if there is no gain.
"""

# %%
# Thirty images of each digit
# ---------------------------

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from torch import nn

from gen_augment import ConditionalVAE, Study
from gen_augment.study import Split, Training

digits = load_digits()
X, y = (digits.images * 15.9).astype("uint8"), digits.target


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


# %%
# Name the arms
# -------------
# ``real`` trains on the images as they are, ``shift`` moves them by a pixel, and ``mixup`` blends
# pairs. ``vae:0.5`` adds one synthetic image for two real ones.

study = Study(
    X,
    y,
    model=make_model,
    arms=["real", "shift", "mixup", "vae:0.5", "vae:0.5+mixup"],
    samplers={"vae": ConditionalVAE(max_steps=500)},
    n_seeds=3,
    split=Split(per_class=30),
    training=Training(n_steps=400),
)
result = study.run()

# %%
# Each arm against the best one without synthetic rows
# ----------------------------------------------------
# Bars are 95% intervals over paired seeds. An interval that crosses zero shows no difference.

table = result.table()
arms = table.dropna(subset="difference")[::-1]
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
ends = [arms["difference"] - arms["low"], arms["high"] - arms["difference"]]
axes.errorbar(arms["difference"], arms.index, xerr=ends, fmt="D", capsize=4)
axes.axvline(0, color="0.5")
axes.set(xlabel="difference in balanced accuracy", ylim=(-0.5, len(arms) - 0.5))

# %%
# The verdict
# -----------
# It compares the best arm with synthetic rows and the best one without. Both were chosen on
# validation rows.

columns = ["balanced_accuracy", "difference", "low", "high", "fit_seconds"]
print(table[columns].round(3).to_string())
print(result.verdict())
