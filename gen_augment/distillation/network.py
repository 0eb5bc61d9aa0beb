"""Networks as students: trained by cross-entropy with soft labels."""

import pickle
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.rng import RandomState, derive_seed, fork_rng, resolve_seed
from gen_augment.training import Batches
from gen_augment.training.classifier import check_finite, descend, predict_proba
from gen_augment.training.placement import tensor_defaults, without_gpu_search
from gen_augment.validation import check_positive_int, check_range

__all__ = ["NetworkStudent", "model_bytes"]


class NetworkStudent(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A network that learns probabilities by cross-entropy, as a student of `Distilled`.

    Parameters
    ----------
    make : callable
        Returns a new nn.Module whose outputs are logits.
    n_steps : int
        Steps of AdamW under a one-cycle schedule.
    batch_size : int
    lr : float
        Peak learning rate.
    shape : tuple of int, optional
        Shape of one row as the network takes it; `Distilled` sets it.
    device : str
    random_state : int, RandomState or None

    Attributes
    ----------
    network_ : nn.Module

    Examples
    --------
    >>> X, soft = np.zeros((64, 2)), np.tile([0.75, 0.25], (64, 1))
    >>> student = NetworkStudent(lambda: nn.Linear(2, 2), n_steps=200, lr=0.1, random_state=0)
    >>> student.fit(X, soft).predict(X[:1]).round(2).tolist()
    [[0.75, 0.25]]
    """

    def __init__(
        self,
        make: Callable[[], nn.Module],
        *,
        n_steps: int = 2000,
        batch_size: int = 64,
        lr: float = 2e-3,
        shape: tuple[int, ...] | None = None,
        device: str = "cpu",
        random_state: RandomState = None,
    ) -> None:
        self.make = make
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.lr = lr
        self.shape = shape
        self.device = device
        self.random_state = random_state

    @torch.inference_mode(False)
    @torch.enable_grad()
    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network.

        Parameters
        ----------
        X : ndarray of shape (n, n_values)
        y : ndarray of shape (n, n_classes)
            Probabilities.

        Raises
        ------
        DivergedError
            The loss is not finite.
        """
        check_positive_int("n_steps", self.n_steps)
        check_range("lr", self.lr, 0, open_low=True)
        seed, device = resolve_seed(self.random_state), torch.device(self.device)
        targets = torch.from_numpy(np.asarray(y, dtype=np.float32)).to(device)
        batches = Batches(
            self._tensor(X).to(device),
            targets,
            batch_size=check_positive_int("batch_size", self.batch_size),
            seed=derive_seed(seed, "batches"),
        )
        with fork_rng(derive_seed(seed, "network"), device), tensor_defaults():
            network = self.make().to(device).train()
            optimizer = without_gpu_search(torch.optim.AdamW(network.parameters(), lr=self.lr))
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, self.lr, total_steps=self.n_steps
            )
            for step in range(self.n_steps):
                inputs, wanted = batches.at(step)
                loss = F.cross_entropy(network(inputs).float(), wanted)
                descend(loss, optimizer, schedule)
        check_finite(loss, self.n_steps, "the student", "lower lr")
        self.network_ = network.eval()
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (n, n_classes)."""
        return predict_proba(self.network_, self._tensor(X), self.device)

    def _tensor(self, X: Any) -> Tensor:
        x = torch.from_numpy(np.asarray(X, dtype=np.float32))
        return x if self.shape is None else x.reshape(-1, *self.shape)


def model_bytes(model: Any) -> float:
    """Return the size of a network's parameters, or of a pickle of an estimator.

    It is NaN for an estimator that cannot be pickled.
    """
    network = getattr(model, "network_", model)
    if isinstance(network, nn.Module):
        return float(sum(t.numel() * t.element_size() for t in network.state_dict().values()))
    try:
        return float(len(pickle.dumps(model)))
    except Exception:  # the user's own estimator may raise anything
        return float("nan")
