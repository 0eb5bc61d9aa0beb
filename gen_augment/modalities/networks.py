"""Networks and likelihood for rows encoded as flat vectors: numbers, then one-hot blocks."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.modalities.blocks import block_log_prob, block_softmax, draw_blocks

__all__ = ["BetweenDecoder", "GaussianNoise", "MLPDecoder", "MLPEncoder", "VelocityMLP"]


class MLPEncoder(nn.Sequential):
    """Rows (B, n_columns) to feature vectors (B, out_features).

    Parameters
    ----------
    n_columns, hidden : int
    """

    def __init__(self, n_columns: int, hidden: int) -> None:
        super().__init__(
            nn.Linear(n_columns, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
        )
        self.out_features = hidden


class MLPDecoder(nn.Module):
    """Codes (B, in_features) and conditions (B, condition_dim) to rows (B, n_columns).

    Parameters
    ----------
    n_columns, in_features, condition_dim, hidden : int
    """

    def __init__(self, n_columns: int, in_features: int, condition_dim: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_features + condition_dim, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, n_columns),
        )

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        rows: Tensor = self.layers(torch.cat([z, condition], dim=1))
        return rows


class VelocityMLP(nn.Module):
    """Rows (B, n_columns) and conditions (B, condition_dim) to velocities (B, n_columns).

    Parameters
    ----------
    n_columns, condition_dim, hidden, n_layers : int
    """

    def __init__(self, n_columns: int, condition_dim: int, hidden: int, n_layers: int = 3) -> None:
        super().__init__()
        self.stem = nn.Linear(n_columns, hidden)
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(n_layers))
        self.modulations = nn.ModuleList(
            nn.Linear(condition_dim, 2 * hidden) for _ in range(n_layers)
        )
        self.head = nn.Linear(hidden, n_columns)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.stem(x)
        for layer, modulation in zip(self.layers, self.modulations, strict=True):
            gain, bias = modulation(condition).chunk(2, dim=1)
            h = h + layer(F.silu(torch.addcmul(bias, h, gain + 1)))
        velocity: Tensor = self.head(F.silu(h))
        return velocity


class BetweenDecoder(nn.Module):
    """Source row, code and condition to a row between the source and a decoded one.

    Numbers are interpolated; blocks get the logits of a mixture of both categories. A decoder
    without a source could turn every source into a row of a frequent class.

    Parameters
    ----------
    n_columns : int
    blocks : tuple of int
    in_features, condition_dim, hidden : int
        As in `MLPDecoder`.
    """

    def __init__(
        self,
        n_columns: int,
        blocks: tuple[int, ...],
        in_features: int,
        condition_dim: int,
        hidden: int,
    ) -> None:
        super().__init__()
        self.blocks, self.n_numbers = blocks, n_columns - sum(blocks)
        self.decoder = MLPDecoder(2 * n_columns, in_features, condition_dim, hidden)

    def forward(self, source: Tensor, z: Tensor, condition: Tensor) -> Tensor:
        other, share = self.decoder(z, condition).float().chunk(2, dim=1)  # (B, n_columns) each
        source, share = source.float(), share.sigmoid()
        if not self.blocks:
            return torch.lerp(source, other, share)
        n = self.n_numbers
        likely = block_softmax(other[:, n:], self.blocks)
        mixed = torch.lerp(source[:, n:], likely, share[:, n:])
        numbers = torch.lerp(source[:, :n], other[:, :n], share[:, :n])
        return torch.cat([numbers, (mixed + 1e-6).log()], dim=1)


class GaussianNoise(nn.Module):
    """Likelihood of a flat row: normal numbers with a learned scale each, and categorical blocks.

    Parameters
    ----------
    n_numbers : int
    blocks : tuple of int
        Widths of the blocks, whose logits the decoder returns.
    bounded : bool
        Whether drawn numbers are clipped to [-1, 1].
    """

    def __init__(
        self, n_numbers: int, blocks: tuple[int, ...] = (), *, bounded: bool = False
    ) -> None:
        super().__init__()
        self.blocks, self.n_numbers, self.bounded = blocks, n_numbers, bounded
        # A small scale: if the noise dominates at first, the code stays unused.
        self.log_scale = nn.Parameter(torch.full(self._scales(), -2.0))

    def _scales(self) -> tuple[int, ...]:
        return (self.n_numbers,)

    def std(self) -> Tensor:
        """Return the standard deviation, with a soft lower bound, since a density is unbounded."""
        return (-4 + F.softplus(self.log_scale + 4)).exp()

    def forward(self, x: Tensor, out: Tensor) -> Tensor:
        """Return the mean over the batch of -log p(x), in nats per row."""
        return -self.log_prob(x, out).mean()

    def log_prob(self, x: Tensor, out: Tensor) -> Tensor:
        """Return log p(x) of each row, in nats: (B,)."""
        if not self.blocks:
            return self._normal_log_prob(x, out)
        (numbers, hot), (mean, logits) = self._split(x), self._split(out)
        return self._normal_log_prob(numbers, mean) + block_log_prob(hot, logits, self.blocks)

    def draw(self, out: Tensor, z: Tensor, strength: float = 1.0) -> Tensor:
        """Draw rows by standard normal noise of their shape; at strength 0 the mode."""
        (mean, logits), (noise, picks) = self._split(out), self._split(z)
        numbers = torch.addcmul(mean, self.std(), noise, value=strength)
        if self.bounded:
            numbers = numbers.clamp(-1, 1)
        if not self.blocks:
            return numbers
        hot = draw_blocks(logits, picks, self.blocks, strength)
        return torch.cat([numbers, hot.to(mean.dtype)], dim=1)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, : self.n_numbers], x[:, self.n_numbers :]

    def _normal_log_prob(self, x: Tensor, mean: Tensor) -> Tensor:
        std = self.std()
        nll = 0.5 * ((x - mean) / std).square() + std.log() + 0.5 * math.log(2 * math.pi)
        return -nll.flatten(1).sum(dim=1)
