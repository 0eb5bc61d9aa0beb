"""How well samples can be distinguished from real rows, and how varied they are."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gen_augment.metrics.inputs import as_features

__all__ = ["two_sample_auc", "vendi_score"]

N_FOLDS = 3


def two_sample_auc(real: ArrayLike, fake: ArrayLike, random_state: int = 0) -> float:
    """Measure how well classifiers distinguish synthetic rows from real ones.

    A logistic regression, which detects shifts, and boosted trees, which detect other
    differences, are cross-validated in three folds. The better one counts.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        Features, at least 3 rows each.
    random_state : int
        Seeds folds and trees.

    Returns
    -------
    float in [0, 1]
        Area under the ROC curve: 0.5 if the sets cannot be distinguished, 1 if every row
        can.

    Raises
    ------
    InputError
        The features cannot be used.

    References
    ----------
    Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", 2017 (arXiv:1610.06545).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> two_sample_auc(rng.normal(0, 1, (50, 2)), rng.normal(9, 1, (50, 2)))
    1.0
    """
    r, f = as_features(N_FOLDS, real=real, fake=fake)
    X, is_fake = torch.cat([r, f]).numpy(), np.repeat([0, 1], [len(r), len(f)])
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=random_state)
    models = (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        HistGradientBoostingClassifier(random_state=random_state),
    )
    predictions = (
        cross_val_predict(model, X, is_fake, cv=folds, method="predict_proba")[:, 1]
        for model in models
    )
    return max(float(roc_auc_score(is_fake, predicted)) for predicted in predictions)


def vendi_score(X: ArrayLike) -> float:
    """Estimate the effective number of different rows.

    The score is the exponential of the entropy of the eigenvalues of the similarity
    matrix. Similarity is the cosine between rows, so the score is at most the number of
    features, and the n x n similarities are not needed.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Features. Centre or scale them first unless their direction is what counts.

    Returns
    -------
    float
        From 1, where all rows have one direction, to ``min(n, d)``.

    Raises
    ------
    InputError
        The features cannot be used.

    References
    ----------
    Friedman and Dieng, "The Vendi Score: A Diversity Evaluation Metric for Machine
    Learning", 2023 (arXiv:2210.02410).

    Examples
    --------
    >>> round(vendi_score([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 1.0]]), 6)
    2.0
    """
    (x,) = as_features(1, X=X)
    x = torch.nn.functional.normalize(x, dim=1)
    # The (d, d) covariance and the (n, n) similarities have the same nonzero eigenvalues.
    values = torch.linalg.eigvalsh(x.T @ x / len(x)).clamp(min=0)
    values = values / values.sum().clamp(min=torch.finfo(torch.float64).tiny)
    return float(torch.special.entr(values).sum().exp())
