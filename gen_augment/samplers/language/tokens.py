"""Byte-level byte-pair encoding: texts as lists of token numbers, and back.

Every string has an encoding, and decoding is exact.

References
----------
Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016
(arXiv:1508.07909).
"""

from collections.abc import Iterable, Sequence
from typing import Any, Self

from gen_augment.errors import InputError, MissingDependencyError

__all__ = ["Tokens"]


class Tokens:
    """A tokenizer of the tokenizers library.

    Parameters
    ----------
    text : str
        Its JSON.

    Raises
    ------
    InputError
        `text` does not describe a byte-level tokenizer.
    MissingDependencyError
        tokenizers is not installed.

    Examples
    --------
    >>> tokens = Tokens.learn(["to be or not to be"] * 2, 300)
    >>> tokens.decode(tokens.encode("not to bé"))
    'not to bé'
    """

    def __init__(self, text: str) -> None:
        self._tokenizer = _read(text)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @classmethod
    def learn(cls, texts: Iterable[str], vocab_size: int) -> Self:
        """Learn at most `vocab_size` tokens from texts; the first 256 are the bytes."""
        library = _library()
        bpe = library.Tokenizer(library.models.BPE())
        level = library.pre_tokenizers.ByteLevel
        bpe.pre_tokenizer = level(add_prefix_space=False)
        bpe.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=2,
            initial_alphabet=sorted(level.alphabet()),
            show_progress=False,
        )
        bpe.train_from_iterator(texts, trainer)
        return cls(bpe.to_str())

    def __len__(self) -> int:
        """Return one more than the largest token number."""
        return int(max(self._tokenizer.get_vocab(with_added_tokens=True).values())) + 1

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.to_json(),)

    def __deepcopy__(self, memo: Any) -> Self:
        return self  # never changed

    def to_json(self) -> str:
        """Return what the constructor takes."""
        return str(self._tokenizer.to_str())

    def encode(self, text: str) -> list[int]:
        """Return the token numbers of a text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens; bytes that are no valid UTF-8 become U+FFFD."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def n_bytes(self) -> list[int]:
        """Return the number of bytes of each token."""
        # Each character of a byte-level token stands for one byte.
        return [len(self._tokenizer.id_to_token(i) or "") for i in range(len(self))]


def _library() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError as error:
        raise MissingDependencyError(
            "LanguageSampler needs tokenizers, which is not installed: "
            "pip install 'gen_augment[text]'."
        ) from error
    return tokenizers


def _read(text: str) -> Any:
    library = _library()
    try:
        tokenizer = library.Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"the tokenizer cannot be read: {error}") from error
    probe = "A\u00e4\u4e2d\U0001f600 \t1"
    if tokenizer.decode(tokenizer.encode(probe, add_special_tokens=False).ids) != probe:
        raise InputError(
            "the tokenizer does not return every text as it was: give a byte-level tokenizer, such "
            "as GPT-2's."
        )
    return tokenizer
