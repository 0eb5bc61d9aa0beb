"""Features of a small classifier, for a perceptual distance between images.

Reference: Hou et al., "Deep Feature Consistent Variational Autoencoder", 2017 (arXiv:1610.00363).
They use a network trained on other images; here it is trained on the same rows, so that nothing has
to be downloaded.
"""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["FeatureCNN", "train_feature_cnn"]

LEVELS = 3


class FeatureCNN(nn.Module):
    """Images (B, C, H, W) to logits (B, n_classes), with normalised features at three sizes.

    Parameters
    ----------
    channels, n_classes, width : int
    """

    def __init__(self, channels: int, n_classes: int, width: int = 32) -> None:
        super().__init__()
        widths = [channels, *(min(width * 2**level, 64) for level in range(LEVELS))]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(ins, outs, 3, stride=2 if level else 1, padding=1, bias=False),
                nn.BatchNorm2d(outs, affine=False),
            )
            for level, (ins, outs) in enumerate(pairwise(widths))
        )
        self.head = nn.Linear(widths[-1], n_classes)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return one map per level; each channel has unit variance over the training rows."""
        found = []
        for block in self.blocks:
            found.append(block(x))
            x = F.leaky_relu(found[-1], 0.2)
        return found

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.head(F.leaky_relu(self.features(x)[-1], 0.2).mean(dim=(2, 3))))

    def distance(self, x: Tensor, other: Tensor) -> Tensor:
        """Return half the mean squared difference of features, times the values in a row.

        This is a negative log-likelihood in nats per row if features have unit noise. It is the
        mean over levels and rows.
        """
        pairs = zip(self.features(x), self.features(other), strict=True)
        return 0.5 * x[0].numel() * torch.stack([F.mse_loss(a, b) for a, b in pairs]).mean()


def train_feature_cnn(
    x: Tensor, y: Tensor, n_classes: int, *, n_steps: int, batch_size: int
) -> FeatureCNN:
    """Train and freeze a classifier; draws from torch's global generator.

    Parameters
    ----------
    x : Tensor of shape (n, C, H, W)
    y : Tensor of shape (n,)
    n_classes, n_steps, batch_size : int
    """
    network = FeatureCNN(x.shape[1], n_classes).to(x.device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, fused=True)
    with torch.enable_grad():
        for _ in range(n_steps):
            rows = torch.randint(len(y), (batch_size,), device=y.device)
            loss = F.cross_entropy(network(x[rows]), y[rows])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return network.eval().requires_grad_(False)
