"""FixMatch as a batch step of a study (Sohn et al. 2020, arXiv:2001.07685).

The loss of a batch of B labelled images and mu B unlabelled images u is

    1/B sum H(y, p(weak(x)))  +  1/(mu B) sum 1[max q >= 0.95] H(argmax q, p(strong(u)))

where q = p(weak(u)) is constant. "Weak" is the flip and the shift, and "strong" is
RandAugment. The weight of the second term is 1. The step returns the images of both
terms, and targets that do not sum to 1. The mean cross-entropy of these is the loss
above, so the training loop of the study stays as it is.

Differences from the paper: a strong image has no Cutout. The network predicts q without
dropout and with the running averages of its batch norm, as it does on test images. As
all arms do, it takes few steps under a falling rate, and its weights are not averaged.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.modalities.image.recipes import flip, randaugment, shift

__all__ = ["SURE", "FixMatch"]

#: Least probability of a label, and unlabelled images for each labelled image of a batch.
SURE, MU = 0.95, 7


class FixMatch:
    """A batch step that adds unlabelled images, with labels by the network in training.

    Parameters
    ----------
    new : callable
        Returns a new network.
    unlabelled : Tensor of shape (n, C, H, W)
        Images in [-1, 1].
    mirror : bool
        Whether mirrored images keep their class.
    """

    def __init__(self, new: Callable[[], nn.Module], unlabelled: Tensor, *, mirror: bool) -> None:
        self.new = new
        self.unlabelled = unlabelled
        self.mirror = mirror

    def network(self) -> nn.Module:
        """Return a new network, which the next batches ask for labels."""
        self._network = self.new()
        return self._network

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images (B + mu B, C, H, W) and targets of both terms of the loss."""
        n, others = len(x), self.unlabelled.to(x.device)
        drawn = others[torch.randint(len(others), (MU * n,)).to(x.device)]
        likely, labels = self._predict(self._weak(drawn)).max(dim=1)
        sure = F.one_hot(labels, y.shape[1]) * (likely >= SURE)[:, None]
        strong, _ = randaugment(drawn, sure)
        # The mean over the batch divides by n + MU * n, instead of n and MU * n.
        targets = torch.cat([y * (1 + MU), sure * (1 + MU) / MU])
        return torch.cat([self._weak(x), strong]), targets

    def _weak(self, x: Tensor) -> Tensor:
        moved, _ = shift(x, x)
        return flip(moved, moved)[0] if self.mirror else moved

    @torch.no_grad()
    def _predict(self, x: Tensor) -> Tensor:
        """Return probabilities; the mode of the network stays as it is."""
        self._network.eval()
        with torch.autocast(x.device.type, torch.bfloat16):
            logits: Tensor = self._network(x)
        self._network.train()
        return logits.float().softmax(dim=1)
