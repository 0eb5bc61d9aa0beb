"""How often a discriminator sees augmented rows.

Reference: Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020
(arXiv:2006.06676), sections 2 and 3.
"""

import torch
from torch import Tensor, nn

from gen_augment.batch_share import whole_mean

__all__ = ["AdaptiveProbability"]


class AdaptiveProbability(nn.Module):
    """A probability ``p`` of augmentation that rises while the discriminator overfits.

    Overfitting is measured by ``r = E sign(D(x))`` over real rows, as a running mean (Karras et
    al. 2020, equation 1): 0 for a discriminator that cannot separate real from generated rows, 1
    for one that recognises every real row. Each `update` moves ``p`` by one small step: up if
    ``r > target``, else down. Both numbers are buffers, so they are saved and stay on the device.

    Parameters
    ----------
    lowest, highest : float
        Bounds of ``p``, in [0, 1]; it starts at the lowest. If nearly all real rows are augmented,
        generated rows come out augmented too.
    target : float
        In (-1, 1).
    n_steps : int
        Number of updates in which ``p`` can go from 0 to 1.
    """

    p: Tensor
    mean_sign: Tensor

    def __init__(
        self, lowest: float, highest: float = 0.8, *, target: float = 0.6, n_steps: int = 500
    ) -> None:
        super().__init__()
        self.lowest, self.highest, self.target, self.n_steps = lowest, highest, target, n_steps
        self.register_buffer("p", torch.tensor(float(lowest)))
        self.register_buffer("mean_sign", torch.tensor(float(target)))

    @torch.no_grad()
    def update(self, real_score: Tensor) -> None:
        """Update ``p`` from the scores of a batch of real rows, of shape (B,)."""
        self.mean_sign.lerp_(whole_mean(real_score.sign().mean()).to(self.mean_sign.dtype), 0.1)
        self.p.add_((self.mean_sign - self.target).sign_(), alpha=1 / self.n_steps).clamp_(
            self.lowest, self.highest
        )
