"""A causal transformer of the GPT-2 family whose first position is a class.

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
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.errors import InputError
from gen_augment.modalities.conditioning import ClassEmbedding
from gen_augment.validation import check_positive_int, check_range

__all__ = ["Architecture", "Cache", "CausalTransformer"]

#: Keys and values of each layer, (B, n_heads, T, width / n_heads).
Cache = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Architecture:
    """Sizes of a `CausalTransformer`.

    Attributes
    ----------
    vocab_size, n_positions, width, n_layers, n_heads : int
    dropout : float in [0, 1)
    epsilon : float
        Of the layer normalisations.
    """

    vocab_size: int
    n_positions: int
    width: int
    n_layers: int
    n_heads: int
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
                "tokens. Lower it, or fit again."
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
        """Return logits (B, T + 1, vocab_size) for token ids (B, T) and class numbers (B,)."""
        x = torch.cat([self.label(y)[:, None], self.wte(ids)], dim=1)
        return self._run(x, None, 0)

    def first(self, y: Tensor) -> tuple[Tensor, Cache]:
        """Return logits (B, vocab_size) of the first token, and the cache."""
        cache: Cache = []
        return self._run(self.label(y)[:, None], cache, 0)[:, -1], cache

    def following(self, ids: Tensor, cache: Cache) -> Tensor:
        """Return logits (B, vocab_size) after one more token (B,); `cache` grows by it."""
        return self._run(self.wte(ids)[:, None], cache, cache[0][0].shape[2])[:, -1]

    def _run(self, x: Tensor, cache: Cache | None, start: int) -> Tensor:
        x = self.drop(x + self.wpe.weight[start : start + x.shape[1]])
        for number, block in enumerate(self.h):
            x = block(x, cache, number)
        return F.linear(self.ln_f(x), self.wte.weight)


class _Block(nn.Module):
    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(a.width, a.epsilon)
        self.attn = _Attention(a)
        self.ln_2 = nn.LayerNorm(a.width, a.epsilon)
        self.mlp = _MLP(a)

    def forward(self, x: Tensor, cache: Cache | None, number: int) -> Tensor:
        x = x + self.attn(self.ln_1(x), cache, number)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class _Attention(nn.Module):
    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.n_heads, self.dropout = a.n_heads, a.dropout
        self.c_attn = nn.Linear(a.width, 3 * a.width)
        self.c_proj = nn.Linear(a.width, a.width)
        self.drop = nn.Dropout(a.dropout)

    def forward(self, x: Tensor, cache: Cache | None, number: int) -> Tensor:
        n, length, width = x.shape
        split = self.c_attn(x).view(n, length, 3, self.n_heads, width // self.n_heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)  # (B, n_heads, T, width / n_heads) each
        if cache is not None:
            if number == len(cache):
                cache.append((k, v))
            else:
                k, v = (torch.cat(pair, dim=2) for pair in zip(cache[number], (k, v), strict=True))
                cache[number] = k, v
        dropout = self.dropout if self.training else 0.0
        out = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=cache is None)
        attended: Tensor = self.drop(self.c_proj(out.transpose(1, 2).reshape(n, length, width)))
        return attended


class _MLP(nn.Module):
    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.c_fc = nn.Linear(a.width, 4 * a.width)
        self.c_proj = nn.Linear(4 * a.width, a.width)
        self.drop = nn.Dropout(a.dropout)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.drop(self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")))
        return out
