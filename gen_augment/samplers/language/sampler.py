"""A class-conditional language model: texts written token by token.

The network gives the probability of each token, given the class ``c`` and the tokens before::

    p(x | c) = prod_t p(x_t | c, x_1, ..., x_{t-1})

Token *t* of row *i* is the inverse of the cumulative distribution at the row's uniform number *t*,
so a text is a function of its address and its class.

References
----------
Radford et al., "Language Models are Unsupervised Multitask Learners", 2019 (GPT-2).
Keskar et al., "CTRL: A Conditional Transformer Language Model", 2019 (arXiv:1909.05858): a code
at the first position.
Anaby-Tavor et al., "Do Not Have Enough Data? Deep Learning to the Rescue!", 2020
(arXiv:1911.03118): texts of a fine-tuned GPT-2 as training rows.
"""

import copy
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities import DataSpec, Modality, TextCodec
from gen_augment.modalities.text.secrets import replace_secrets
from gen_augment.rng import RandomState, derive_seed
from gen_augment.samplers import generation
from gen_augment.samplers.language.checks import HEAD_WIDTH, check_decoding, check_params
from gen_augment.samplers.language.decoding import Decoding, Drawn, draw_tokens
from gen_augment.samplers.language.network import Architecture, CausalTransformer
from gen_augment.samplers.language.pretrained import (
    Pretrained,
    check_tokens,
    load_weights,
    read_folder,
)
from gen_augment.samplers.language.tokens import Tokens
from gen_augment.samplers.language.training import (
    LanguageNetwork,
    add_lora,
    bits_per_byte,
    padded,
    train,
)
from gen_augment.samplers.language.writing import readable, write_texts
from gen_augment.samplers.network import NetworkSampler
from gen_augment.samplers.requests import vary_addresses
from gen_augment.training import Callback, Loop
from gen_augment.types import JSON
from gen_augment.validation import check_range

__all__ = ["LanguageSampler"]

#: Uniform numbers, class numbers and prompts to tokens.
Draw = Callable[[Tensor, Tensor, list[list[int]]], list[Drawn]]


class LanguageSampler(NetworkSampler):
    """Class-conditional language model that writes texts.

    Parameters
    ----------
    pretrained : path-like, optional
        Folder of a GPT-2 that `save_pretrained` of transformers wrote, with safetensors. None
        learns tokens and network from scratch.
    lora_rank : int, optional
        Train adapters of this rank and the class embeddings only; needs peft. None trains all
        weights.
    vocab_size : int
        Maximum number of tokens that are learned from the training rows, of at least 256.
    n_layers, width : int
        Size of a network from scratch; `width` is a multiple of 64.
    dropout : float in [0, 1)
    max_length, min_length : int
        Tokens of a text, to 65,536. Longer training rows are cut; a row that is cut teaches no end.
    guidance : float in [0, 100]
        Strength of classifier-free guidance. 1 is none, and takes half the time. More makes texts
        more typical of their class and less varied. This and the next three parameters can be
        changed after fitting with ``set_params``.
    temperature : float in (0, inf)
        Below 1, texts are more typical and less varied.
    top_k : int, optional
        Draw each token from the `top_k` most probable ones only.
    top_p : float in (0, 1]
        Draw each token from the most probable ones that together have this probability.
    max_steps, batch_size : int
        Optimiser steps, and rows in each. Training ends earlier if the bits per byte of held-out
        rows, a tenth of `X` and at most 500, do not improve any more.
    lr : float
        Peak learning rate of AdamW. Pretrained weights are trained at a twentieth of it, but
        adapters at `lr`.
    random_state, device, devices, precision, torch_compile, modality, callbacks, verbose
        As in `NetworkSampler`. The result on several `devices` is that on one if `dropout` is 0.

    Notes
    -----
    E-mail addresses, long numbers and words with several digits in training rows are replaced by
    random ones of the same form before anything is learned, see
    `gen_augment.modalities.text.secrets`. Rows without a label are learned as texts of no class.

    A text that is blank, not valid UTF-8, longer than `max_length`, or longer than twice the
    longest training row is drawn again up to 7 times; the last one is then cut.

    Examples
    --------
    >>> texts = ["my card is lost", "i lost my card", "what is the rate", "is the rate good"] * 3
    >>> labels = ["card", "card", "rate", "rate"] * 3
    >>> sampler = LanguageSampler(width=64, n_layers=1, max_steps=30, random_state=0, device="cpu")
    >>> X, y = sampler.fit(texts, labels).sample(y={"rate": 2})
    >>> type(X[0]), y
    (<class 'str'>, ['rate', 'rate'])
    """

    method, _streams = "lm", False
    _header_keys: ClassVar[frozenset[str]] = NetworkSampler._header_keys | {
        "tokenizer",
        "architecture",
    }

    tokens_: Tokens

    def __init__(
        self,
        *,
        pretrained: str | os.PathLike[str] | None = None,
        lora_rank: int | None = None,
        vocab_size: int = 2000,
        n_layers: int = 3,
        width: int = 192,
        dropout: float = 0.1,
        max_length: int = 128,
        min_length: int = 1,
        guidance: float = 1.3,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float = 1.0,
        max_steps: int = 3000,
        batch_size: int = 32,
        lr: float = 1e-3,
        random_state: RandomState = None,
        device: str = "auto",
        devices: int | Literal["auto"] = 1,
        precision: str = "32-true",
        torch_compile: bool = False,
        modality: str | Modality | None = "text",
        callbacks: list[Callback] | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            max_steps=max_steps,
            batch_size=batch_size,
            lr=lr,
            random_state=random_state,
            device=device,
            devices=devices,
            precision=precision,
            torch_compile=torch_compile,
            modality=modality,
            callbacks=callbacks,
            verbose=verbose,
        )
        self.pretrained = pretrained
        self.lora_rank = lora_rank
        self.vocab_size = vocab_size
        self.n_layers = n_layers
        self.width = width
        self.dropout = dropout
        self.max_length = max_length
        self.min_length = min_length
        self.guidance = guidance
        self.temperature = temperature
        self.top_k = top_k
        self.top_p = top_p

    def _check_params(self) -> None:
        super()._check_params()
        check_params(self)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """One uniform number for each token, and one for the end."""
        return (self.max_length + 1,)

    def _read(self, X: Any, y: Any) -> Rows:
        rows = super()._read(X, y)
        if not isinstance(rows.codec, TextCodec):
            raise InputError(
                f"X holds {rows.modality.name} rows, and {type(self).__name__} writes texts: give "
                "strings, or another sampler."
            )
        return rows

    def _training_data(
        self, rows: Rows, seed: int, init: Any, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Return token numbers (n, T), int32, and class numbers; find tokenizer and sizes."""
        texts, codes = readable(rows, derive_seed(seed, "secrets"), self.max_length)
        if init is not None:
            self.tokens_, self._architecture = init.tokens_, init._architecture
        elif self.pretrained is not None:
            self._start = read_folder(self.pretrained, self.dropout)
            self.tokens_, self._architecture = self._start[:2]
        else:
            self.tokens_ = Tokens.learn(texts, self.vocab_size)
            self._architecture = Architecture(
                vocab_size=len(self.tokens_) + 1,
                end=len(self.tokens_),
                n_positions=self.max_length + 1,
                width=self.width,
                n_layers=self.n_layers,
                n_heads=self.width // HEAD_WIDTH,
                dropout=self.dropout,
            )
        self._architecture.check_length(self.max_length)
        return self._numbered(texts), torch.from_numpy(codes)

    def _numbered(self, texts: list[str]) -> Tensor:
        """Return the token numbers of texts with their ends, (n, T), filled up."""
        ids = [[*self.tokens_.encode(text), self._architecture.end] for text in texts]
        return padded(ids, self.max_length)

    def _build(self, spec: DataSpec) -> LanguageNetwork:
        model = CausalTransformer(self._architecture, spec.n_classes)
        start: Pretrained | None = self.__dict__.pop("_start", None)
        if start is not None:
            load_weights(model, start)
        if self.lora_rank is not None:
            add_lora(model, self.lora_rank)
        return LanguageNetwork(model)

    def _fit(self, network: Any, loop: Loop) -> None:
        is_slow = self.pretrained is not None and self.lora_rank is None
        train(network, loop, self._token_bytes(), lr=self.lr, is_pretrained=is_slow)

    def _token_bytes(self) -> Tensor:
        n_bytes = torch.zeros(self._architecture.vocab_size, dtype=torch.int64)
        n_bytes[: len(self.tokens_)] = torch.tensor(self.tokens_.n_bytes())
        n_bytes[self._architecture.end] = 0
        return n_bytes

    def bits_per_byte(self, X: Any, y: Any) -> float:
        """Return the mean bits per byte of texts under the model, given their labels.

        Parameters
        ----------
        X : texts, in the form that was fitted
            At most the first `max_length` tokens of each.
        y : label or array-like of shape (n,)
        """
        self._check_fitted()
        texts = self._texts_codec.texts(X)
        codes = torch.from_numpy(self.label_codec_.encode_rows(y, len(texts)))
        network: Any = self.network_
        device = generation.usable_device(self)
        rows = self._numbered(texts).to(device), codes.to(device)
        return bits_per_byte(network.sampled(), *rows, self._token_bytes())

    # -- Sampling

    def _generate(self, z: Tensor, y: Tensor) -> Any:
        """Tokens of uniform numbers (n, max_length + 1) and class numbers (n,)."""
        return self._drawing()(z, y, [[]] * len(y))

    def _drawing(self) -> Draw:
        """Return the function that draws tokens; it holds a copy of the network in 64 bits."""
        check_decoding(self)  # parameters may have been changed since `fit`
        self._architecture.check_length(self.max_length)
        network: LanguageNetwork = self.network_  # type: ignore[assignment]
        length, least = self.max_length, self.min_length
        how = Decoding(
            self._architecture.end, len(self.tokens_), length, least,
            self.guidance, self.temperature, self.top_k, self.top_p,
        )  # fmt: skip
        exact = copy.deepcopy(network.sampled()).double().eval()
        return lambda u, y, prompts: draw_tokens(exact, y, u, prompts, how)

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        table = derive_seed(seed, "tokens")
        texts = write_texts(self, index, codes, table, [[]] * len(index))
        return self._texts_codec.written(texts)

    @property
    def _texts_codec(self) -> TextCodec:
        return self.codec_  # type: ignore[return-value] # `_read` checks it

    def vary(
        self, X: Any, y: Any, *, strength: float = 0.5, random_state: RandomState = None
    ) -> Any:
        """Return new versions of given texts: their beginning is continued.

        Parameters
        ----------
        X : texts, in the form that was fitted
        y : label or array-like of shape (n,)
            Their labels.
        strength : float in [0, 1]
            Share of the tokens that are written again. 0 returns each text with other secrets;
            1 keeps only its label.
        random_state : int, RandomState or None
            As in `sample`.

        Returns
        -------
        X : n texts, in the container of the training rows

        Raises
        ------
        InputError
            The rows are no texts, or longer than twice the longest training row.
        """
        self._check_fitted()
        check_range("strength", strength, 0, 1)
        codec = self._texts_codec
        codec.check_known(X)
        given = codec.texts(X)
        codes = self.label_codec_.encode_rows(y, len(given))
        index, table = vary_addresses(self, len(given), random_state)
        clean = [
            replace_secrets(text, np.random.default_rng(derive_seed(table, "secrets", i)))
            for text, i in zip(given, index.tolist(), strict=True)
        ]
        if strength == 0:
            return codec.written(clean)
        ids = [self.tokens_.encode(text) for text in clean]
        most = self.max_length - 1
        prompts = [row[: min(most, round((1 - strength) * len(row)))] for row in ids]
        return codec.written(write_texts(self, index, codes, table, prompts))

    # -- Archives

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        header, tensors = super()._to_archive()
        language = {"tokenizer": self.tokens_.to_json(), "architecture": asdict(self._architecture)}
        return header | language, tensors

    def _restore(self, header: JSON, tensors: dict[str, Tensor], device: str) -> None:
        if not isinstance(self.codec_, TextCodec):
            raise InputError("the rows are no texts.")
        self.tokens_ = Tokens(header["tokenizer"])
        self._architecture = Architecture(**header["architecture"])
        check_tokens(self.tokens_, self._architecture)
        self._architecture.check_length(self.max_length)
        super()._restore(header, LanguageNetwork.adopted(tensors), device)
