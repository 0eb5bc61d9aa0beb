"""
A tree that can be read
=======================

An ensemble is accurate and slow, and nobody can read it. A single tree that learns its
probabilities, on real rows and on synthetic ones, fits on a page.
"""

# %%
# The means of a cancer table
# ---------------------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from gen_augment import Distilled, KDESampler
from gen_augment.distillation import Columns, ReadableTree
from gen_augment.distillation.page import draw_tree

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = X[[name for name in X if name.startswith("mean")]]
labels = np.where(y == 1, "benign", "malignant")
X_train, X_test, y_train, y_test = train_test_split(X, labels, stratify=y, random_state=0)

# %%
# Distil two slow models into one tree
# ------------------------------------
# The student is a regression tree of the teachers' probabilities. `Columns` keeps the columns
# of the table, so the rules are in their units. Ten synthetic rows stand beside each real one.

model = Distilled(
    make_pipeline(Columns(), DecisionTreeRegressor(max_depth=4)),
    [ExtraTreesClassifier(200, min_samples_leaf=2), HistGradientBoostingClassifier()],
    KDESampler(),
    ratio=10,
    random_state=0,
).fit(X_train, y_train)

# %%
# Read it
# -------

tree = ReadableTree.of(model.student_, model.classes_)
figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
draw_tree(tree, axes)

# %%
# The same as rules:

print(tree.rules()[:500], "...")

# %%
# What was lost, and what was won
# -------------------------------
# The same tree trained on the labels is too sure of itself. The log-loss shows it.

losses = {
    name: log_loss(y_test, p.clip(0.005, 0.995)) for name, p in model.predictions(X_test).items()
}
figure, axes = plt.subplots(figsize=(6, 2), layout="constrained")
axes.barh(list(losses), list(losses.values()))
axes.set_xlabel("log-loss on unseen rows, less is better")

# %%
# A JSON file keeps the tree, which predicts without scikit-learn: see ``tree.save``.

cost = model.cost(X_test)
print(f"the teacher is {cost['teacher_bytes'] / cost['student_bytes']:.0f} times as large")
print(f"both agree on {100 * model.agreement(X_test):.1f}% of rows")
print(f"accuracy on rows not seen: {(tree.predict(X_test) == y_test).mean():.3f}")
