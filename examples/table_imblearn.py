"""Imbalanced-learn: use a generator as an over-sampler, and tune its parameters.

Run: python examples/table_imblearn.py        (a few seconds)
"""

from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.preprocessing import StandardScaler

from gen_augment import ConditionalVAE, GenerativeOverSampler

X, y = make_classification(1000, 12, n_informative=6, weights=[0.95], class_sep=0.8, random_state=0)
folds = StratifiedKFold(5, shuffle=True, random_state=0)


def classifier(over_sampler):
    # In an imbalanced-learn pipeline, the over-sampler sees only the training part of
    # each fold.
    return make_pipeline(StandardScaler(), over_sampler, LogisticRegression())


generative = GenerativeOverSampler(ConditionalVAE(max_steps=300, device="cpu"), random_state=0)
search = GridSearchCV(
    classifier(generative),
    {
        "generativeoversampler__sampling_strategy": [0.3, 1.0],
        "generativeoversampler__sampler__latent_dim": [4, 16],
    },
    scoring="average_precision",
    cv=3,
).fit(X, y)
print(f"best on inner folds: {search.best_params_}")

for name, model in (
    ("no over-sampling", classifier("passthrough")),
    ("SMOTE", classifier(SMOTE(random_state=0))),
    ("ConditionalVAE", search.best_estimator_),
):
    scores = cross_val_score(model, X, y, scoring="average_precision", cv=folds)
    # The parameters of the last model were chosen on the same rows, which favours it. A
    # Study makes a fair comparison.
    print(f"average precision, {name}: {scores.mean():.3f}")
