"""Terms of the evidence lower bound against torch's distributions."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from gen_augment.samplers import elbo


def test_kl_divergence_is_that_of_normal_distributions() -> None:
    mean, log_var = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    exact = kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(0, 1)).sum(dim=1).mean()
    torch.testing.assert_close(elbo.kl_divergence(mean, log_var), exact)


def test_codes_have_the_mean_and_variance_of_the_posterior() -> None:
    torch.manual_seed(0)
    mean = torch.tensor([1.0, -2.0]).expand(50_000, 2).clone().requires_grad_()
    code = elbo.draw_code(mean, torch.tensor([0.0, -3.0]).expand(50_000, 2))
    torch.testing.assert_close(code.mean(dim=0), mean[0], atol=0.02, rtol=0)
    torch.testing.assert_close(code.var(dim=0).log(), torch.tensor([0.0, -3.0]), atol=0.03, rtol=0)
    code.sum().backward()
    assert mean.grad is not None
    assert mean.grad.eq(1).all()


def test_the_kl_weight_rises_over_its_share_of_the_steps() -> None:
    weight = elbo.kl_weight(0.5, 0.2, 100)
    assert [weight(step) for step in (0, 10, 20, 99)] == pytest.approx([0, 0.25, 0.5, 0.5])
    assert elbo.kl_weight(0.5, 0.0, 100)(1) == 0.5
