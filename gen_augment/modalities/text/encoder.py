"""Texts as vectors of a frozen language model from a local folder.

The vector of a text is the mean over its tokens of the last hidden states, scaled to length 1
(Reimers and Gurevych, "Sentence-BERT", 2019, arXiv:1908.10084).
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.modalities.text.forms import read_texts
from gen_augment.validation import check_positive_int

__all__ = ["SentenceEncoder"]


class SentenceEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc] # no types
    """A frozen sentence encoder, as a step of a Pipeline and as ``features=``.

    Parameters
    ----------
    folder : path-like
        Folder with ``config.json``, ``tokenizer.json`` and ``*.safetensors``, as
        `save_pretrained` of transformers writes it. Nothing is downloaded.
    max_length : int
        Tokens of a text that are read, at most.
    batch_size : int
        Texts that are encoded at once.

    Notes
    -----
    In a study, ``make_pipeline(SentenceEncoder(folder), LogisticRegression())`` is a classifier.
    Filters and `audit` take ``features=SentenceEncoder(folder)``.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from transformers import BertConfig, BertModel
    >>> from gen_augment.samplers.language.tokens import Tokens
    >>> folder = Path(mkdtemp())
    >>> sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}
    >>> network = BertModel(BertConfig(vocab_size=300, num_hidden_layers=1, **sizes))
    >>> network.save_pretrained(folder)
    >>> _ = (folder / "tokenizer.json").write_text(Tokens.learn(["a card"], 300).to_json())
    >>> SentenceEncoder(folder).transform(["my card", "the fee"]).shape
    (2, 8)
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, max_length: int = 128, batch_size: int = 64
    ) -> None:
        self.folder = folder
        self.max_length = max_length
        self.batch_size = batch_size

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check that the folder can be read; nothing is learned.

        Raises
        ------
        InputError
            A file is missing or damaged, or the weights are pickled.
        MissingDependencyError
            transformers is not installed.
        """
        _load(str(self.folder), check_positive_int("max_length", self.max_length))
        return self

    @torch.no_grad()
    def transform(self, X: Any) -> np.ndarray:
        """Return the vectors of texts, of shape (n, d), float32."""
        tokenizer, network = _load(str(self.folder), self.max_length)
        size = check_positive_int("batch_size", self.batch_size)
        texts = read_texts(X)
        ids = [torch.tensor(found.ids or [0]) for found in tokenizer.encode_batch(texts)]
        out = np.empty((len(ids), network.config.hidden_size), np.float32)
        lengths = torch.tensor([len(row) for row in ids])
        for part in torch.split(lengths.argsort(), size):
            rows = pad_sequence([ids[i] for i in part.tolist()], batch_first=True)
            mask = (torch.arange(rows.shape[1]) < lengths[part, None]).long()
            hidden = network(input_ids=rows, attention_mask=mask).last_hidden_state
            summed = (hidden * mask[:, :, None]).sum(dim=1)
            out[part.numpy()] = F.normalize(summed, dim=1).float().numpy()
        return out

    def __call__(self, X: Any) -> np.ndarray:
        """Return `transform`, so that an encoder is a feature space."""
        return self.transform(X)

    def __sklearn_is_fitted__(self) -> bool:
        return True


@lru_cache(maxsize=1)
def _load(folder: str, max_length: int) -> tuple[Any, Any]:
    """Return the tokenizer and the network of a folder."""
    path = Path(folder)
    if not path.is_dir():
        raise InputError(f"{folder!r} is not a folder: save an encoder there.")
    if not any(path.glob("*.safetensors")):
        raise InputError(
            f"{folder} holds no *.safetensors, and pickled weights are not read: write them with "
            "model.save_pretrained(folder)."
        )
    try:
        from tokenizers import Tokenizer
        from transformers import AutoModel
    except ImportError as error:
        raise MissingDependencyError(
            "SentenceEncoder needs transformers, which is not installed: "
            "pip install 'gen_augment[text]'."
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        network = AutoModel.from_pretrained(path, local_files_only=True, use_safetensors=True)
    except Exception as error:  # the libraries raise nothing narrower
        raise InputError(f"{folder} cannot be read as a sentence encoder: {error}") from error
    if tokenizer.get_vocab_size() > network.config.vocab_size:
        raise InputError(
            f"the tokenizer in {folder} has {tokenizer.get_vocab_size()} tokens and the network "
            f"{network.config.vocab_size}: they do not belong together."
        )
    tokenizer.no_padding()
    tokenizer.enable_truncation(
        min(max_length, getattr(network.config, "max_position_embeddings", max_length))
    )
    return tokenizer, network.eval()
