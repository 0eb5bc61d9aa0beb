"""Tokens follow the inverse of the cumulative distribution, under any restriction."""

import numpy as np
import pytest
import torch

from gen_augment.samplers.language.decoding import Decoding, draw_tokens
from gen_augment.samplers.language.network import Architecture, CausalTransformer

LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0, 0.5]], dtype=torch.float64)


def restricted(**options: float) -> np.ndarray:
    how = Decoding(end=4, n_tokens=4, max_length=8, **options)  # type: ignore[arg-type]
    return np.array(how.probabilities(LOGITS, 2)[0].tolist())


def softmax(values: np.ndarray) -> np.ndarray:
    return np.exp(values) / np.exp(values).sum()


def test_restrictions_match_their_definitions() -> None:
    plain = softmax(LOGITS[0].numpy())
    np.testing.assert_allclose(restricted(), plain)
    np.testing.assert_allclose(restricted(temperature=0.5), softmax(2 * LOGITS[0].numpy()))
    np.testing.assert_allclose(
        restricted(top_k=2),
        np.where(plain >= np.sort(plain)[-2], plain, 0) / np.sort(plain)[-2:].sum(),
    )
    assert (restricted(top_p=0.6) > 0).tolist() == [True, True, False, False, False]
    assert (restricted(top_p=0.5) > 0).tolist() == [True, False, False, False, False]
    assert (restricted(min_length=3) > 0).tolist() == [True, True, True, True, False]


def test_spare_tokens_of_the_model_are_never_drawn() -> None:
    how = Decoding(end=0, n_tokens=3, max_length=8)
    assert (how.probabilities(LOGITS, 1)[0] > 0).tolist() == [True, True, True, False, False]


@pytest.fixture(scope="module")
def network() -> CausalTransformer:
    torch.manual_seed(0)
    model = CausalTransformer(Architecture(6, 9, 16, 2, 2, 5, 0.0), 2).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(20)
    return model


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@torch.no_grad()
def test_tokens_are_those_of_the_plain_forward_pass(
    network: CausalTransformer, guidance: float
) -> None:
    """The reference has no cache and decodes one row at a time, with and without guidance."""
    how = Decoding(end=5, n_tokens=5, max_length=8, guidance=guidance)
    y = torch.arange(300) % 2
    u = torch.rand(300, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    prompts = [[i % 5][: i % 3] for i in range(300)]
    drawn = draw_tokens(network, y, u, prompts, how)
    assert {has_ended for _, has_ended in drawn} == {True, False}
    for row in range(0, 300, 7):
        ids, ended = list(prompts[row]), False
        while len(ids) <= 8 and not ended:
            both = torch.tensor([[*ids, 0]] * 2)
            own, none = network(both, torch.tensor([y[row], -1])).chunk(2)
            logits = none[-1:] + guidance * (own[-1:] - none[-1:])
            ends = how.probabilities(logits, len(ids))[0].cumsum(0)
            token = int((ends <= u[row, len(ids)] * ends[-1]).sum())
            ended = token == 5
            if ended or len(ids) == 8:
                break
            ids.append(token)
        assert drawn[row] == (ids, ended)
