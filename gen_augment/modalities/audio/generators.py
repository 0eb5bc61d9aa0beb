"""Networks of recordings: those of flat rows, and a velocity that starts from a normal density."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from gen_augment.modalities.generators import DataSpec, GeneratorNetworks
from gen_augment.modalities.networks import VelocityMLP

__all__ = ["AudioNetworks", "GainVelocity"]


class AudioNetworks(GeneratorNetworks):
    """Fully connected networks on cepstra."""

    sample_batch_size = 256
    auto: ClassVar[Mapping[str, Any]] = {"vae.latent": "mixture"}

    def velocity(self, spec: DataSpec, condition_dim: int, width: int) -> "GainVelocity":
        """Build a fully connected network with a gain for each number."""
        return GainVelocity(spec.shape[0], condition_dim, 16 * width)


class GainVelocity(nn.Module):
    """Rows (B, n_columns) and conditions (B, condition_dim) to velocities: an MLP, plus gains.

    The velocity of independent normal numbers is a gain on each number, which depends on the time
    and the class. So the layers, which may be narrower than a row, learn what differs from that.

    Parameters
    ----------
    n_columns, condition_dim, hidden : int
    """

    def __init__(self, n_columns: int, condition_dim: int, hidden: int) -> None:
        super().__init__()
        self.body = VelocityMLP(n_columns, condition_dim, hidden)
        self.gain = nn.Linear(condition_dim, n_columns)
        nn.init.zeros_(self.gain.weight)
        nn.init.zeros_(self.gain.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        velocity: Tensor = self.body(x, condition) + self.gain(condition) * x
        return velocity
