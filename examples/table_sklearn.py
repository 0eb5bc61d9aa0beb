"""An imbalanced table in scikit-learn: balance the classes, compare with oversampling.

Run: python examples/table_sklearn.py        (about a minute)
"""

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gen_augment import ConditionalVAE, Study

data = load_breast_cancer(as_frame=True)
# Keep one malignant row for every ten benign rows.
keep = np.r_[np.flatnonzero(data.target == 1), np.flatnonzero(data.target == 0)[:35]]
X = data.data.iloc[keep].reset_index(drop=True)
y = data.target.iloc[keep].map({0: "malignant", 1: "benign"}).reset_index(drop=True)

# Samples of a DataFrame are a DataFrame with the same columns and dtypes; labels
# likewise.
sampler = ConditionalVAE(max_steps=500, random_state=0).fit(X, y)
X_new, y_new = sampler.sample(y={"malignant": 322})
balanced = pd.concat([X, X_new]), pd.concat([y, y_new])
print(balanced[1].value_counts().to_dict())

study = Study(
    X,
    y,
    model=make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    arms=["real", "oversample", "vae"],
    samplers={"vae": ConditionalVAE(max_steps=500)},
    metric="balanced_accuracy",
    n_seeds=5,
)
result = study.run()
columns = ["balanced_accuracy", "worst_class_recall", "difference", "low", "high"]
print(result.table()[columns].round(3).to_string())
print(result.verdict())
