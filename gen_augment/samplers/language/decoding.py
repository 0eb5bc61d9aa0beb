"""Tokens as a function of uniform numbers: the inverse of the cumulative distribution.

Token *t* of a row is the first whose cumulative probability, given the class and the tokens
before, exceeds the row's number *t*. Logits are computed in float64: batches of other sizes round
the last bits differently, and in float32 a number that lies next to a border would now and then
give another token.

References
----------
Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020 (arXiv:1904.09751): top-p.
Fan, Lewis and Dauphin, "Hierarchical Neural Story Generation", 2018 (arXiv:1805.04833): top-k.
Sanchez et al., "Stay on topic with Classifier-Free Guidance", 2023 (arXiv:2306.17806).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gen_augment.samplers.language.network import CausalTransformer

__all__ = ["Decoding", "Drawn", "draw_tokens"]

#: Tokens of a row, and whether its text has ended.
Drawn = tuple[list[int], bool]

#: Rows that are generated at once.
BATCH_ROWS = 128
#: Finished rows are removed from the cache when they are this share of it.
FINISHED_SHARE = 0.25


@dataclass(frozen=True)
class Decoding:
    """How tokens are drawn.

    Attributes
    ----------
    end : int
        The token that ends a text.
    n_tokens : int
        Larger token numbers have no text; only `end` may be one.
    max_length, min_length : int
        Tokens of a text.
    guidance : float in [0, inf)
        Logits are ``l(none) + guidance * (l(class) - l(none))``; 1 is the plain network.
    temperature : float in (0, inf)
    top_k : int or None
        Only the k most probable tokens are drawn.
    top_p : float in (0, 1]
        Only the most probable tokens that together have this probability are drawn.
    """

    end: int
    n_tokens: int
    max_length: int
    min_length: int = 1
    guidance: float = 1.0
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def probabilities(self, logits: Tensor, length: int) -> Tensor:
        """Return what the next token of a text of `length` tokens is drawn from, (B, n)."""
        ids = torch.arange(logits.shape[1], device=logits.device)
        is_text = (ids < self.n_tokens) & (ids != self.end)
        is_open = is_text if length < self.min_length else is_text | (ids == self.end)
        logits = logits.masked_fill(~is_open, -torch.inf) / self.temperature
        if self.top_k is not None and self.top_k < logits.shape[1]:
            least = logits.topk(self.top_k).values[:, -1:]
            logits = logits.masked_fill(logits < least, -torch.inf)
        p = logits.softmax(dim=1)
        if self.top_p < 1:
            ordered, order = p.sort(dim=1, descending=True)
            is_in_tail = ordered.cumsum(dim=1) - ordered >= self.top_p
            p = p.masked_fill(is_in_tail.scatter(1, order, is_in_tail), 0.0)
        return p


def draw_tokens(
    network: CausalTransformer, y: Tensor, u: Tensor, prompts: Sequence[list[int]], how: Decoding
) -> list[Drawn]:
    """Return the tokens of each row, and whether its text has ended.

    Parameters
    ----------
    network : CausalTransformer, in float64
    y : Tensor of shape (n,)
        Class numbers.
    u : Tensor of shape (n, max_length + 1), float64
        Uniform numbers in [0, 1).
    prompts : sequence of n lists of int
        The first tokens of each row.
    how : Decoding
    """
    rows: list[Drawn] = []
    for start in range(0, len(y), BATCH_ROWS):
        part = slice(start, start + BATCH_ROWS)
        rows += _draw(network, y[part], u[part], prompts[part], how)
    return rows


def _draw(
    network: CausalTransformer, y: Tensor, u: Tensor, prompts: Sequence[list[int]], how: Decoding
) -> list[Drawn]:
    texts: list[list[int]] = [[] for _ in prompts]
    ended = [False] * len(prompts)
    active = torch.arange(len(y), device=y.device)
    next_token = _Guided(network, y, how.guidance)
    logits = next_token.first()
    for length in range(how.max_length + 1):
        ends = how.probabilities(logits, length).cumsum(dim=1)
        aim = u[active, length, None] * ends[:, -1:]
        tokens = torch.searchsorted(ends, aim, right=True)[:, 0].clamp_(max=ends.shape[1] - 1)
        numbers, drawn = active.tolist(), tokens.tolist()
        for place, number in enumerate(numbers):
            if length < len(prompts[number]):
                drawn[place] = prompts[number][length]
            if not ended[number] and drawn[place] == how.end:
                ended[number] = True
            elif not ended[number] and length < how.max_length:
                texts[number].append(drawn[place])
        going = [place for place, number in enumerate(numbers) if not ended[number]]
        if length == how.max_length or not going:
            break
        tokens = torch.tensor(drawn, device=y.device)
        if len(going) <= (1 - FINISHED_SHARE) * len(numbers):
            kept = torch.tensor(going, device=y.device)
            active, tokens = active[kept], tokens[kept]
            next_token.keep(kept)
        logits = next_token.following(tokens)
    return list(zip(texts, ended, strict=True))


class _Guided:
    """Logits of a network and its cache; with guidance, each row is also computed classless."""

    def __init__(self, network: CausalTransformer, y: Tensor, guidance: float) -> None:
        self.network, self.guidance = network, guidance
        self.copies = 1 if guidance == 1 else 2
        self.y = y if guidance == 1 else torch.cat([y, torch.full_like(y, -1)])

    def first(self) -> Tensor:
        logits, self.cache = self.network.first(self.y)
        return self._mixed(logits)

    def following(self, tokens: Tensor) -> Tensor:
        return self._mixed(self.network.following(tokens.repeat(self.copies), self.y, self.cache))

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but those at these places."""
        n = len(self.y) // self.copies
        rows = torch.cat([rows + n * copy for copy in range(self.copies)])
        self.y, self.cache = self.y[rows], [(k[rows], v[rows]) for k, v in self.cache]

    def _mixed(self, logits: Tensor) -> Tensor:
        if self.copies == 1:
            return logits
        own, none = logits.chunk(2)
        return torch.lerp(none, own, self.guidance)
