"""
A study that says yes
=====================

Synthetic rows pay when a slow model labels them for a small one. A single tree is fast and can be
read, and it gains from the labels of a forest.
"""

# %%
# A table, and a test part that is large enough
# ---------------------------------------------
# The table is made, so that there are enough rows to see a small difference.

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.tree import DecisionTreeClassifier

from gen_augment import KDESampler, Study
from gen_augment.study import Split

X, y = make_classification(4000, 10, n_informative=6, class_sep=0.7, random_state=0)
X, y, test = X[:800], y[:800], (X[800:], y[800:])

# %%
# A student and a teacher
# -----------------------
# The tree is the student. In ``real:teacher`` it learns the forest's out-of-fold probabilities of
# real rows. In ``kde:10:prior:teacher`` it learns ten synthetic rows for each real one as well. So
# the second arm has to beat the first, and not the plain tree alone.

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
table = result.table()
columns = ["roc_auc", "difference", "low", "high", "predict_us", "model_bytes"]
print(table[columns].round(3).to_string())

# %%
# Each arm against the best one without synthetic rows
# ----------------------------------------------------
# Bars are 95% intervals over paired seeds. The arm ``teacher`` is the forest itself.

arms = table.dropna(subset="difference")[::-1]
figure, axes = plt.subplots(figsize=(6, 2.4), layout="constrained")
ends = [arms["difference"] - arms["low"], arms["high"] - arms["difference"]]
axes.errorbar(arms["difference"], arms.index, xerr=ends, fmt="D", capsize=4)
axes.axvline(0, color="0.5")
axes.set(xlabel="difference in the area under the ROC curve", ylim=(-0.5, len(arms) - 0.5))

# %%
# The verdict
# -----------

print(result.verdict())
