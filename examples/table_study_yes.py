"""A study that says yes: synthetic rows labelled by a slow teacher improve a small tree.

Run: python examples/table_study_yes.py        (about half a minute)

The table is made, so that there are enough rows to test on.
"""

from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.tree import DecisionTreeClassifier

from gen_augment import KDESampler, Study
from gen_augment.study import Split

X, y = make_classification(4000, 10, n_informative=6, class_sep=0.7, random_state=0)
X, y, test = X[:800], y[:800], (X[800:], y[800:])

# The classifier is a tree that is fast and can be read; the teacher is 60 times as large. Real
# rows get its out-of-fold probabilities, in both arms that learn from it. Ten synthetic rows for
# each real one get the probabilities of the teacher that has seen all real rows.
study = Study(
    X,
    y,
    model=DecisionTreeClassifier(max_depth=8),
    teacher=ExtraTreesClassifier(100, min_samples_leaf=2),
    samplers={"kde": KDESampler()},
    arms=["real", "real:teacher", "kde:10:prior:teacher"],
    metric="roc_auc",
    n_seeds=5,
    split=Split(test=test),
)
result = study.run()
columns = ["roc_auc", "difference", "low", "high", "predict_us", "model_bytes"]
print(result.table()[columns].round(3).to_string())
print(result.verdict())
