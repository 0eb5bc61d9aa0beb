"""Imbalanced-learn: a generator as the over-sampler of a pipeline, its parameters searched over like any others.

Run: python examples/table_imblearn.py        (some seconds)
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
    # In a pipeline of imbalanced-learn the over-sampler sees the training part of each fold alone.
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
    # The parameters of the last one were chosen on these very rows, which favours it: a Study is the fair comparison.
    print(f"average precision, {name}: {scores.mean():.3f}")
