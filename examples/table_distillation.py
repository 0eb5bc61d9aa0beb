"""A slow ensemble distilled into one tree that can be read, with a picture.

Run: python examples/table_distillation.py        (about ten seconds)

The tree learns the probabilities of the ensemble, on real rows and on synthetic ones. An ensemble
can be asked about any row.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

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

# The student is a regression tree of the teacher's probabilities. `Columns` keeps the columns of
# the table, so rules are in their units.
model = Distilled(
    make_pipeline(Columns(), DecisionTreeRegressor(max_depth=5)),
    [ExtraTreesClassifier(200, min_samples_leaf=2), HistGradientBoostingClassifier()],
    KDESampler(),
    ratio=10,
    random_state=0,
).fit(X_train, y_train)

# The same tree trained on the labels is too sure of itself.
for name, probabilities in model.predictions(X_test).items():
    print(f"{name}: log-loss {log_loss(y_test, probabilities.clip(0.005, 0.995)):.3f}")
cost = model.cost(X_test)
print(f"the teacher is {cost['teacher_bytes'] / cost['student_bytes']:.0f} times as large")
print(f"both agree on {100 * model.agreement(X_test):.1f}% of rows")

tree = ReadableTree.of(model.student_, model.classes_)
print(tree.rules()[:400], "...")
figure, axes = plt.subplots(figsize=(13, 5), layout="constrained")
draw_tree(tree, axes)

# A file of JSON keeps the tree, which predicts without scikit-learn.
with TemporaryDirectory() as folder:
    tree.save(Path(folder) / "tree.json")
    again = ReadableTree.load(Path(folder) / "tree.json")
print(f"accuracy on rows not seen: {(again.predict(X_test) == y_test).mean():.3f}")
