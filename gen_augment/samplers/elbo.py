"""Terms of the evidence lower bound with a normal posterior and a standard normal prior.

References
----------
Kingma and Welling, "Auto-Encoding Variational Bayes", 2013 (arXiv:1312.6114), appendix B.
Bowman et al., "Generating Sentences from a Continuous Space", 2016 (arXiv:1511.06349): KL warm-up.
"""

from collections.abc import Callable

from torch import Tensor

from gen_augment.batch_share import own_normal

__all__ = ["draw_code", "kl_divergence", "kl_weight"]


def draw_code(mean: Tensor, log_var: Tensor) -> Tensor:
    """Draw from N(mean, exp(log_var)); gradients reach both."""
    return mean + own_normal(mean) * (0.5 * log_var).exp()


def kl_divergence(mean: Tensor, log_var: Tensor) -> Tensor:
    """Return the mean over the batch of KL(N(mean, exp(log_var)) || N(0, I)), in nats per row."""
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum() / len(mean)


def kl_weight(beta: float, warmup: float, max_steps: int) -> Callable[[int], float]:
    """Return the weight of the KL term by step.

    It rises from 0 to `beta` over a share `warmup` of `max_steps`.
    """
    warmup_steps = max(1, round(warmup * max_steps))
    return lambda step: beta * min(1.0, step / warmup_steps)
