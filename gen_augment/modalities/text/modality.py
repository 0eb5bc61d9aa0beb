"""Texts: a list, an array, a Series or a column of strings."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gen_augment.archive import digest
from gen_augment.containers import holds_strings
from gen_augment.errors import InputError
from gen_augment.modalities.base import Codec, DataSpec, Modality, Reading
from gen_augment.modalities.file_rows import FileRows
from gen_augment.modalities.table.file_format import TableFile
from gen_augment.modalities.text.codec import TextCodec
from gen_augment.modalities.text.forms import SUFFIXES, read_texts
from gen_augment.modalities.text.networks import TextNetworks
from gen_augment.modalities.text.views import TextViews, tfidf_classifier, tfidf_inputs
from gen_augment.types import JSON

__all__ = ["Text"]


class Text(Modality):
    """Texts, one string for each row.

    Strings may also be the categories of a table or the paths of files, so that a user names the
    modality: ``fit(texts, y)`` of a sampler with ``modality="text"``.

    Parameters
    ----------
    column : str, optional
        The column of the texts in a file of several columns.
    file : TableFile or mapping, optional
        ``sep`` and ``encoding`` of a CSV file, see `TableFile`.

    Examples
    --------
    >>> codec, rows = Text().fit(["Where is my card?", "I lost it."])
    >>> codec.n_bytes, rows.shape
    (48, torch.Size([2, 1, 48]))
    """

    name = "text"
    networks = TextNetworks()
    views = TextViews()
    suffixes = SUFFIXES

    def __init__(
        self,
        column: str | None = None,
        file: TableFile | Mapping[str, Any] | None = None,
    ) -> None:
        self.column = column
        self.file = file

    def options(self) -> JSON:
        """Return the options that were given, as JSON values."""
        options: JSON = {} if self.column is None else {"column": self.column}
        if self.file is not None:
            options["file"] = TableFile.of(self.file).to_json()
        return options

    def recognise(self, X: Any) -> Reading:
        """Recognise rows of strings, which are possible texts and never certain ones."""
        return Reading.POSSIBLE if holds_strings(X) else Reading.NO

    def fit(self, X: Any) -> tuple[TextCodec, Tensor]:
        """Learn the container and the longest row; return the codec and the encoded rows."""
        return TextCodec.fit(X, self.options())

    def codec_from_json(self, record: JSON) -> TextCodec:
        """Rebuild a codec from its `to_json`."""
        return TextCodec.from_json(record)

    def digests(self, X: Any) -> np.ndarray:
        """Hash each text."""
        return np.array([digest(text) for text in read_texts(X)], dtype="<U32")

    def classifier(self, spec: DataSpec) -> Any:
        """Return TF-IDF weights of words, and logistic regression."""
        return tfidf_classifier()

    def classifier_inputs(self, codec: Codec, X: Any) -> Callable[[Any], Tensor]:
        """Return TF-IDF weights of the words of `X` for classifiers that take vectors.

        A Pipeline gets strings, and a network `word_ids`.
        """
        return tfidf_inputs(X)

    def default_arms(
        self, samplers: Iterable[str], *, mirror: bool = False, imbalanced: bool = False
    ) -> list[str]:
        """List the baselines and the samplers."""
        return ["real", "oversample", "weights", *samplers]

    def read(self, path: Path, target: str | None) -> FileRows:
        """Read a CSV, TSV, Parquet or JSON Lines file, or a folder of folders of .txt files."""
        from gen_augment.modalities.text.files import read_text_file, read_text_folder

        if path.is_dir():
            if self.column is not None:
                raise InputError(f"{path} is a folder, which has no column {self.column!r}.")
            return FileRows(*read_text_folder(path))
        file = TableFile.of(self.file)
        X, y, file, notes = read_text_file(path, self.column, target, file)
        return FileRows(X, y, Text(self.column, file), (), tuple(notes))

    def write(self, path: Path, parts: Iterator[tuple[Any, Any]], codec: Codec) -> None:
        """Write a CSV, TSV, Parquet or JSON Lines file."""
        from gen_augment.modalities.text.files import write_text_file

        text: Any = codec
        name = text.form.name if isinstance(text.form.name, str) else self.column or "text"
        write_text_file(path, parts, text.texts, name, TableFile.of(self.file))
