"""Whether samples can be told from real rows, and how many different ones there are among them."""

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
    """How well classifiers tell synthetic rows from real ones: a classifier two-sample test.

    A logistic regression, which finds shifts, and boosted trees, which find the rest, are cross-validated in three
    folds; the better one counts.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        Features, at least 3 rows each.
    random_state : int
        Seeds folds and trees.

    Returns
    -------
    float in [0, 1]
        Area under the ROC curve: 0.5 where nobody can tell, 1 where all can be told.

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
    guesses = (
        cross_val_predict(model, X, is_fake, cv=folds, method="predict_proba")[:, 1]
        for model in models
    )
    return max(float(roc_auc_score(is_fake, guess)) for guess in guesses)


def vendi_score(X: ArrayLike) -> float:
    """How many different rows there are: the exponential of the entropy of a similarity matrix's eigenvalues.

    Similarity is the cosine between rows, so that the score is at most the number of features, and n x n similarities
    are never held.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Features; centre or scale them first if they are not to be compared by direction.

    Returns
    -------
    float
        At least 1, where all rows point one way, and at most ``min(n, d)``.

    References
    ----------
    Friedman and Dieng, "The Vendi Score: A Diversity Evaluation Metric for Machine Learning", 2023 (arXiv:2210.02410).

    Examples
    --------
    >>> round(vendi_score([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 1.0]]), 6)
    2.0
    """
    (x,) = as_features(1, X=X)
    x = torch.nn.functional.normalize(x, dim=1)
    # The covariance has the eigenvalues of the similarities, but for zeros.
    values = torch.linalg.eigvalsh(x.T @ x / len(x)).clamp(min=0)
    values = values / values.sum().clamp(min=torch.finfo(torch.float64).tiny)
    return float(torch.special.entr(values).sum().exp())
