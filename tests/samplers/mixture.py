"""Three classes, each one normal distribution of two columns: the truth is known."""

import numpy as np

from gen_augment.samplers import Sampler

MEANS = np.array([[0.0, 0.0], [4.0, 1.0], [-2.0, 5.0]])
COVARIANCES = np.array(
    [[[1.0, 0.8], [0.8, 1.0]], [[0.5, 0.0], [0.0, 2.0]], [[1.5, -0.9], [-0.9, 1.0]]]
)


def draw_mixture(n_per_class: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels."""
    rng = np.random.default_rng(0)
    X = [
        rng.multivariate_normal(m, c, n_per_class) for m, c in zip(MEANS, COVARIANCES, strict=True)
    ]
    return np.concatenate(X), np.repeat([0, 1, 2], n_per_class)


def check_mixture(sampler: Sampler, *, mean: float, covariance: float) -> None:
    """Compare mean and covariance of 4,000 samples a class, in standard deviations."""
    for label in range(3):
        rows, _ = sampler.sample(4000, y=label, random_state=1)
        scale = np.sqrt(np.diag(COVARIANCES[label]))
        np.testing.assert_allclose((rows.mean(axis=0) - MEANS[label]) / scale, 0, atol=mean)
        np.testing.assert_allclose(
            (np.cov(rows.T) - COVARIANCES[label]) / np.outer(scale, scale), 0, atol=covariance
        )
