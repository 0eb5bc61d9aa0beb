"""Networks of texts: a bag of words for studies; generic samplers have none."""

import zlib
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from gen_augment.errors import InputError
from gen_augment.modalities.generators import GeneratorNetworks
from gen_augment.modalities.text.words import tokens

__all__ = ["TextNetworks", "WordBag", "word_ids"]

#: Words of a text that a network sees, at most.
MAX_IDS = 512


class TextNetworks(GeneratorNetworks):
    """Texts are no vectors that a generic network could generate."""

    between = False
    default_samplers = ("eda", "aeda", "ngram")
    fit_sampler = "lm"

    def encoder(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    def decoder(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    def velocity(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    def pair_decoder(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise InputError(
            "networks for vectors cannot learn text: use EditSampler, AEDASampler, NGramSampler or "
            "a language model."
        )


class WordBag(nn.Module):
    """A small classifier of texts: a sum of embeddings of their words, and a linear layer.

    Its input is what `word_ids` returns, which a study gives to every network of texts. After
    Joulin et al., "Bag of Tricks for Efficient Text Classification", 2017 (arXiv:1607.01759).

    Parameters
    ----------
    n_classes : int
    width : int
        Size of an embedding.
    n_buckets : int
        Number of embeddings; words share them by their hash.
    dropout : float in [0, 1)

    Examples
    --------
    >>> WordBag(3)(word_ids(["my card", "help"])).shape
    torch.Size([2, 3])
    """

    def __init__(
        self, n_classes: int, *, width: int = 64, n_buckets: int = 2**13, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.n_buckets = n_buckets
        self.embed = nn.EmbeddingBag(n_buckets + 1, width, mode="sum", padding_idx=0)
        nn.init.normal_(self.embed.weight, std=0.1)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, n_classes))

    def forward(self, x: Tensor) -> Tensor:
        ids = x.long()
        n_words = (ids > 0).sum(dim=1, keepdim=True).clamp(min=1)
        summed = self.embed(torch.where(ids > 0, 1 + ids % self.n_buckets, 0))
        logits: Tensor = self.head(summed / n_words.sqrt())
        return logits


def word_ids(texts: list[str], n_ids: int = 2**20) -> Tensor:
    """Return the words of texts as numbers.

    Parameters
    ----------
    texts : list of n str
    n_ids : int
        A word has a number from 1 to `n_ids`, by its hash. Up to 2**24, which float32 holds.

    Returns
    -------
    Tensor of shape (n, n_longest), float32
        Up to 512 numbers of each text, filled up with 0.
    """
    rows = [
        torch.tensor(
            [1 + zlib.crc32(word.encode()) % n_ids for word in tokens(text)[:MAX_IDS]],
            dtype=torch.float32,
            device="cpu",
        )
        for text in texts
    ]
    empty = torch.zeros(1, device="cpu")  # so that there is a column
    return nn.utils.rnn.pad_sequence([*rows, empty], batch_first=True)[:-1]
