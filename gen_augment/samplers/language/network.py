"""A causal transformer of the GPT-2 family that is conditioned on a class.

A text follows the token that ends texts. The embedding of its class is added at every position.

The module is written out here rather than taken from transformers: rows are sampled in float64
with a key-value cache from which finished rows are removed, and the name and the form of the cache
differ between versions 4 and 5 of transformers. The weights have GPT-2's names and shapes.

References
----------
Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
Press and Wolf, "Using the Output Embedding to Improve Language Models", 2017 (arXiv:1608.05859):
tied weights.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.errors import InputError
from gen_augment.modalities.conditioning import ClassEmbedding
from gen_augment.validation import check_positive_int, check_range

__all__ = ["PADDING", "Architecture", "Cache", "CausalTransformer"]

#: Fills rows of token numbers up to the longest one.
PADDING = -1
#: Keys and values of each layer, (B, n_heads, T, width / n_heads).
Cache = list[tuple[Tensor, Tensor]]
#: Queries, keys and values (n, 3 * width) and the number of heads to mixed values (n, width).
Attend = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class Architecture:
    """Sizes of a `CausalTransformer`.

    Attributes
    ----------
    vocab_size, n_positions, width, n_layers, n_heads : int
    end : int
        The token that ends a text, and that stands before each text.
    dropout : float in [0, 1)
    epsilon : float
        Of the layer normalisations.
    """

    vocab_size: int
    n_positions: int
    width: int
    n_layers: int
    n_heads: int
    end: int
    dropout: float
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("vocab_size", "n_positions", "width", "n_layers", "n_heads"):
            check_positive_int(name, getattr(self, name))
        check_range("dropout", self.dropout, 0, 1, open_high=True)
        check_range("epsilon", self.epsilon, 0, open_low=True)
        if self.width % self.n_heads:
            raise InputError(f"width={self.width} is not a multiple of n_heads={self.n_heads}.")

    def check_length(self, max_length: int) -> None:
        """Raise `InputError` if there are no positions for so many tokens."""
        if max_length > self.n_positions - 1:
            raise InputError(
                f"max_length={max_length}: the network has positions for {self.n_positions - 1} "
                f"tokens. Give max_length={self.n_positions - 1} or less."
            )


class CausalTransformer(nn.Module):
    """Logits of the next token, given a class and the tokens before.

    Parameters
    ----------
    architecture : Architecture
    n_classes : int
    """

    def __init__(self, architecture: Architecture, n_classes: int) -> None:
        super().__init__()
        a = architecture
        self.architecture = architecture
        self.label = ClassEmbedding(n_classes, a.width)
        self.wte = nn.Embedding(a.vocab_size, a.width)
        self.wpe = nn.Embedding(a.n_positions, a.width)
        self.drop = nn.Dropout(a.dropout)
        self.h = nn.ModuleList([_Block(a) for _ in range(a.n_layers)])
        self.ln_f = nn.LayerNorm(a.width, a.epsilon)
        for name, weight in self.named_parameters():
            if weight.ndim > 1:
                scale = math.sqrt(2 * a.n_layers) if name.endswith("c_proj.weight") else 1
                nn.init.normal_(weight, std=0.02 / scale)

    def forward(self, ids: Tensor, y: Tensor) -> Tensor:
        """Return logits (n_tokens, vocab_size), each given the class and the tokens before.

        Parameters
        ----------
        ids : Tensor of shape (B, T)
            Token numbers, filled up with `PADDING`. No layer but attention computes padding.
        y : Tensor of shape (B,)
            Class numbers; -1 is no class.
        """
        kept = (ids != PADDING).flatten().nonzero()[:, 0]
        before = F.pad(ids[:, :-1].clamp(min=0), (1, 0), value=self.architecture.end)
        x = self.wte(before) + self.label(y)[:, None] + self.wpe.weight[: ids.shape[1]]
        x = self.drop(x.flatten(0, 1)[kept])  # (n_tokens, width)
        attend = partial(_attend_packed, kept, *ids.shape)
        for block in self.h:
            x = block(x, attend)
        return self._logits(x)

    def first(self, y: Tensor) -> tuple[Tensor, Cache]:
        """Return logits (B, vocab_size) of the first token, and the cache."""
        cache: Cache = []
        return self.following(torch.full_like(y, self.architecture.end), y, cache), cache

    def following(self, ids: Tensor, y: Tensor, cache: Cache) -> Tensor:
        """Return logits (B, vocab_size) after one more token (B,); `cache` grows by it."""
        position = self.wpe.weight[cache[0][0].shape[2] if cache else 0]
        x = self.drop(self.wte(ids) + self.label(y) + position)
        for number, block in enumerate(self.h):
            x = block(x, partial(_attend_cached, cache, number))
        return self._logits(x)

    def _logits(self, x: Tensor) -> Tensor:
        return F.linear(self.ln_f(x), self.wte.weight)


class _Block(nn.Module):
    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(a.width, a.epsilon)
        self.attn = _Attention(a)
        self.ln_2 = nn.LayerNorm(a.width, a.epsilon)
        self.mlp = _MLP(a)

    def forward(self, x: Tensor, attend: Attend) -> Tensor:
        x = x + self.attn(self.ln_1(x), attend)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class _Attention(nn.Module):
    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.n_heads = a.n_heads
        self.c_attn = nn.Linear(a.width, 3 * a.width)
        self.c_proj = nn.Linear(a.width, a.width)
        self.drop = nn.Dropout(a.dropout)

    def forward(self, x: Tensor, attend: Attend) -> Tensor:
        # Without dropout of the attention weights, which would rule out fused kernels.
        out: Tensor = self.drop(self.c_proj(attend(self.c_attn(x), self.n_heads)))
        return out


def _attend_packed(kept: Tensor, n: int, length: int, qkv: Tensor, n_heads: int) -> Tensor:
    """Attend within `n` rows of `length` positions, of which those in `kept` are no padding."""
    padded = qkv.new_zeros(n * length, qkv.shape[1]).index_copy(0, kept, qkv)
    q, k, v = _heads(padded.view(n, length, -1), n_heads)
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return out.transpose(1, 2).flatten(2).flatten(0, 1)[kept]


def _attend_cached(cache: Cache, number: int, qkv: Tensor, n_heads: int) -> Tensor:
    """Attend from one more position to those of a layer before it."""
    q, k, v = _heads(qkv[:, None], n_heads)
    if number == len(cache):
        cache.append((k, v))
    else:
        k, v = (torch.cat(pair, dim=2) for pair in zip(cache[number], (k, v), strict=True))
        cache[number] = k, v
    return F.scaled_dot_product_attention(q, k, v).flatten(1)


def _heads(qkv: Tensor, n_heads: int) -> Tensor:
    """Return queries, keys and values (3, B, n_heads, T, width / n_heads)."""
    n, length, width = qkv.shape
    return qkv.view(n, length, 3, n_heads, width // (3 * n_heads)).permute(2, 0, 3, 1, 4)


class _MLP(nn.Module):
    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.c_fc = nn.Linear(a.width, 4 * a.width)
        self.c_proj = nn.Linear(4 * a.width, a.width)
        self.drop = nn.Dropout(a.dropout)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.drop(self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")))
        return out
