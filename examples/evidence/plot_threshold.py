"""
Try the decision threshold first
================================

On imbalanced tables, synthetic rows raise balanced accuracy. Much of that gain comes from
moving the decision threshold, which needs no generator. This page shows both on one curve.
"""

# %%
# One malignant tumour in eleven
# ------------------------------
# Only every sixth malignant row is kept. Three columns are used, so that the classes overlap.

import matplotlib.pyplot as plt
import numpy as np
from imblearn.pipeline import make_pipeline
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from gen_augment import GenerativeOverSampler, KDESampler, Study

data = load_breast_cancer(as_frame=True)
malignant, benign = np.flatnonzero(data.target == 0)[::6], np.flatnonzero(data.target == 1)
kept = np.concatenate([malignant, benign])
columns = ["mean texture", "mean smoothness", "mean symmetry"]
X = data.data.iloc[kept][columns].reset_index(drop=True)
y = (data.target.iloc[kept] == 0).astype(int).reset_index(drop=True)
print(y.value_counts().rename({0: "benign", 1: "malignant"}).to_dict())

# %%
# With and without synthetic rows
# -------------------------------
# Probabilities are predicted for rows that were held out. The sampler sees the training part of
# each fold only.

classifier = LogisticRegression()
over = GenerativeOverSampler(KDESampler(), random_state=0)
models = {
    "real rows": make_pipeline(StandardScaler(), classifier),
    "with synthetic rows": make_pipeline(over, StandardScaler(), classifier),
}
folds = StratifiedKFold(5, shuffle=True, random_state=0)
proba = {
    name: cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]
    for name, model in models.items()
}

# %%
# Balanced accuracy at every threshold
# ------------------------------------
# At one half, the dotted line, synthetic rows look like a large gain. Yet both curves reach about
# the same height: synthetic rows have moved the best threshold towards one half.

thresholds = np.linspace(0.01, 0.99, 99)
figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
for name, p in proba.items():
    scores = [balanced_accuracy_score(y, p > threshold) for threshold in thresholds]
    axes.plot(thresholds, scores, label=name)
    at_half = balanced_accuracy_score(y, p > 0.5)
    print(f"{name}: {at_half:.3f} at one half, {max(scores):.3f} at best")
axes.axvline(0.5, color="0.5", linestyle=":")
axes.set(xlabel="threshold", ylabel="balanced accuracy")
axes.legend(loc="upper right")

# %%
# A fair comparison
# -----------------
# The best threshold of a curve is chosen on the rows that it is judged by. A study tunes it on
# held-out training rows instead, in the arm ``threshold``.

study = Study(
    X,
    y,
    model=make_pipeline(StandardScaler(), classifier),
    arms=["real", "threshold", "smote", "kde"],
    samplers={"kde": KDESampler()},
    n_seeds=8,
)
result = study.run()
print(result.table()[["balanced_accuracy", "difference", "low", "high"]].round(3))
print(result.verdict())
