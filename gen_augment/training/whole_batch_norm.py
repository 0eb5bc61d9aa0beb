"""Batch normalisation over a batch that several processes share.

`torch.nn.SyncBatchNorm` does the same on a GPU only.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gen_augment.batch_share import own_share, whole_var_mean

__all__ = ["WholeBatchNorm", "with_whole_batch_norm"]


class WholeBatchNorm(_BatchNorm):
    """Batch normalisation by the statistics of all processes; evaluation is as usual."""

    def _check_input_dim(self, x: Tensor) -> None:
        """Accept any number of axes."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise rows (B, C, ...) of this process."""
        n_processes = own_share()[1]
        if not self.training or n_processes == 1:
            normalised: Tensor = super().forward(x)
            return normalised
        var, mean = whole_var_mean(x.float(), [0, *range(2, x.ndim)])  # (C,) each
        self._follow(var.detach(), mean.detach(), n_processes * x.numel() // len(mean))
        shape = 1, -1, *[1] * (x.ndim - 2)
        scale = (var + self.eps).rsqrt()
        shift = -mean * scale
        if self.affine:
            scale, shift = scale * self.weight, shift * self.weight + self.bias
        return (x * scale.view(shape) + shift.view(shape)).to(x.dtype)

    @torch.no_grad()
    def _follow(self, var: Tensor, mean: Tensor, n: int) -> None:
        """Update the running statistics from those of `n` values of each channel."""
        assert self.num_batches_tracked is not None  # noqa: S101 # for mypy
        self.num_batches_tracked.add_(1)
        for running, new in ((self.running_mean, mean), (self.running_var, var * (n / (n - 1)))):
            assert running is not None  # noqa: S101 # for mypy
            running.lerp_(new, self.momentum)  # type: ignore[arg-type]


def with_whole_batch_norm(module: nn.Module) -> nn.Module:
    """Replace batch normalisation by `WholeBatchNorm`, with the same tensors; return the module."""
    for name, child in list(module.named_children()):
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d)):
            whole = WholeBatchNorm(child.num_features)
            whole.__dict__.update(child.__dict__)
            setattr(module, name, whole)
        else:
            with_whole_batch_norm(child)
    return module
