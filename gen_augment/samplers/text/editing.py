"""Training texts with random edits."""

from collections.abc import Sequence
from random import Random

from gen_augment.errors import InputError
from gen_augment.modalities import Modality
from gen_augment.modalities.text.words import pieces
from gen_augment.rng import RandomState
from gen_augment.samplers.text.base import TextSampler
from gen_augment.samplers.text.edits import EDITS, Words, below, edited
from gen_augment.validation import check_range

__all__ = ["AEDASampler", "EditSampler"]


class EditSampler(TextSampler):
    """Training texts of the class, each with one random edit.

    The default is EDA without a thesaurus [1]_. `vary` edits given texts, and its strength takes
    the place of `rate`.

    Parameters
    ----------
    edits : sequence of str
        One of them is chosen for each row:

        - "swap": two words change places.
        - "delete": words are left out.
        - "insert": words of other rows of the class are added.
        - "punctuate": punctuation marks are added [2]_.
        - "noise": characters are removed, doubled or replaced.
        - "typo": a neighbouring key is hit, or two keys in wrong order.
        - "recombine": the first part of a row and the last part of another one of its class.
    rate : float in (0, 1]
        Share of the words that an edit changes, at least one; "recombine" has no use for it.
        "punctuate" adds up to this many marks for each word.
    modality : str or Modality
        How to read the rows.
    random_state : int, RandomState or None
        Names the table of rows.

    Notes
    -----
    Words are separated by blanks; each Chinese or Japanese character is a word.

    References
    ----------
    .. [1] Wei and Zou, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text
       Classification Tasks", 2019 (arXiv:1901.11196).
    .. [2] Karimi, Rossi and Prati, "AEDA: An Easier Data Augmentation Technique for Text
       Classification", 2021 (arXiv:2108.13230).

    Examples
    --------
    >>> X, y = ["where is my card", "my card is lost", "what is the rate"], ["card", "card", "fee"]
    >>> sampler = EditSampler(edits=["swap"], random_state=0).fit(X, y)
    >>> sorted(sampler.generate([0], "fee")[0].split())
    ['is', 'rate', 'the', 'what']
    """

    method = "eda"

    def __init__(
        self,
        *,
        edits: Sequence[str] = ("swap", "delete", "insert"),
        rate: float = 0.1,
        modality: str | Modality | None = "text",
        random_state: RandomState = None,
    ) -> None:
        super().__init__(modality=modality, random_state=random_state)
        self.edits = edits
        self.rate = rate

    def _check_params(self) -> None:
        check_range("rate", self.rate, 0, 1, open_low=True)
        names = [self.edits] if isinstance(self.edits, str) else list(self.edits)
        unknown = [name for name in names if name not in EDITS]
        if isinstance(self.edits, str) or unknown or not names:
            raise InputError(f"edits={self.edits!r}: give a list of {', '.join(EDITS)}.")

    def _new(self, code: int, random: Random) -> str:
        return self._varied(self._row(code, random), code, self.rate, random)

    def _varied(self, text: str, code: int, strength: float, random: Random) -> str:
        def donor(random: Random) -> Words:
            return pieces(self._row(code, random))[0]

        edit = self.edits[below(random, len(self.edits))]
        return edited(text, edit, random, strength, donor)


class AEDASampler(EditSampler):
    """Training texts of the class with punctuation marks added at random places.

    Words and their order stay, so that the label holds [1]_.

    Parameters
    ----------
    rate : float in (0, 1]
        The number of marks is uniform from 1 to this share of the number of words.
    modality : str or Modality
        How to read the rows.
    random_state : int, RandomState or None
        Names the table of rows.

    References
    ----------
    .. [1] Karimi, Rossi and Prati, "AEDA: An Easier Data Augmentation Technique for Text
       Classification", 2021 (arXiv:2108.13230).

    Examples
    --------
    >>> X, y = ["where is my card", "what is the rate"], ["card", "fee"]
    >>> text, = AEDASampler(random_state=0).fit(X, y).generate([0], "fee")
    >>> [word for word in text.split() if word.isalpha()]
    ['what', 'is', 'the', 'rate']
    """

    method = "aeda"

    def __init__(
        self,
        *,
        rate: float = 1 / 3,
        modality: str | Modality | None = "text",
        random_state: RandomState = None,
    ) -> None:
        super().__init__(
            edits=("punctuate",), rate=rate, modality=modality, random_state=random_state
        )
