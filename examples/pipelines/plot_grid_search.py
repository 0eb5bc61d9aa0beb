"""
An over-sampler in a grid search
================================

`gen_augment.GenerativeOverSampler` makes an over-sampler of imbalanced-learn from any generator. A
grid search can then tune the number of synthetic rows and the generator's own parameters.
"""

# %%
# One rare class
# --------------

import matplotlib.pyplot as plt
import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.preprocessing import StandardScaler

from gen_augment import ConditionalVAE, GenerativeOverSampler

X, y = make_classification(1000, 12, n_informative=6, weights=[0.95], class_sep=0.8, random_state=0)
print("rows of each class:", np.bincount(y))

# %%
# A pipeline
# ----------
# The over-sampler sees the training part of each fold only. So no synthetic row is made from a row
# that it is judged by.


def pipeline(over_sampler):
    return make_pipeline(StandardScaler(), over_sampler, LogisticRegression())


vae = GenerativeOverSampler(ConditionalVAE(max_steps=300, device="cpu"), random_state=0)

# %%
# Search
# ------
# Parameters of the generator are reached by two underscores, as always in scikit-learn.

search = GridSearchCV(
    pipeline(vae),
    {
        "generativeoversampler__sampling_strategy": [0.3, 1.0],
        "generativeoversampler__sampler__latent_dim": [4, 16],
    },
    scoring="average_precision",
    cv=3,
)
search.fit(X, y)
print(search.best_params_)

# %%
# Compare on outer folds
# ----------------------
# Each dot is one fold. The parameters of the last model were chosen on the same rows, which favours
# it. A `gen_augment.Study` would choose them inside each split.

models = {
    "no over-sampling": pipeline("passthrough"),
    "SMOTE": pipeline(SMOTE(random_state=0)),
    "ConditionalVAE, tuned": search.best_estimator_,
}
folds = StratifiedKFold(5, shuffle=True, random_state=0)
scores = {
    name: cross_val_score(model, X, y, scoring="average_precision", cv=folds)
    for name, model in models.items()
}

figure, axes = plt.subplots(figsize=(6, 2.4), layout="constrained")
for name, values in scores.items():
    axes.plot(values, [name] * len(values), "o", color="C0", alpha=0.5)
    axes.plot(values.mean(), name, "D", color="C1", markersize=9)
axes.set(xlabel="average precision on held-out rows", ylim=(-0.5, 2.5))

# %%
# The folds differ more from each other than the models do: here over-sampling changes little.

for name, values in scores.items():
    print(f"average precision, {name}: {values.mean():.3f}")
