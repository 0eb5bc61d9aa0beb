"""The modalities that are known, and the choice of one for given rows."""

from typing import Any

from gen_augment.containers import stack_rows
from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities.base import Codec, Modality, Reading
from gen_augment.types import JSON

__all__ = [
    "codec_from_json",
    "codec_to_json",
    "find_modality",
    "get_modality",
    "modality_from_json",
    "modality_to_json",
    "register",
    "registered",
]

_MODALITIES: dict[str, type[Modality]] = {}


def register(modality: type[Modality]) -> type[Modality]:
    """Make a modality known by its name; usable as a class decorator.

    Raises
    ------
    InputError
        Another modality has that name.
    """
    known = _MODALITIES.setdefault(modality.name, modality)
    if known is not modality:
        raise InputError(f"a modality called {modality.name!r} is registered: {known.__name__}.")
    return modality


def registered() -> dict[str, type[Modality]]:
    """Return the known modalities by name."""
    return dict(_MODALITIES)


def get_modality(modality: str | Modality) -> Modality:
    """Return the modality that a user named, or gave with options.

    Raises
    ------
    InputError
        There is no modality of that name.
    """
    if isinstance(modality, Modality):
        return modality
    if not isinstance(modality, str) or modality not in _MODALITIES:
        known = ", ".join(map(repr, _MODALITIES))
        raise InputError(
            f"modality={modality!r} is not known: give one of {known}, or an instance."
        )
    return _MODALITIES[modality]()


def find_modality(X: Any, modality: str | Modality | None = None) -> Modality:
    """Return the modality of rows: the one that was given, or the only one that is certain.

    Raises
    ------
    InputError
        No reading of `X` is certain; the message names the possible ones.
    """
    if modality is not None:
        return get_modality(modality)
    try:
        X = stack_rows(X)
    except InputError:  # of several shapes, which some modalities allow
        if not any(_readings(X).values()):
            raise
    readings = _readings(X)
    certain = [name for name, reading in readings.items() if reading is Reading.CERTAIN]
    if len(certain) == 1:
        return _MODALITIES[certain[0]]()
    what = _described(X)
    possible = certain or [name for name, reading in readings.items() if reading]
    if possible:
        words = " or ".join(f'modality="{name}"' for name in possible)
        raise InputError(
            f"X is {what}, which can be read in more than one way: say {words} if that is what the "
            "rows are, or reshape them to a table of shape (n_rows, n_columns)."
        )
    raise InputError(
        f"X is {what}: give images as an array of shape (n, H, W), (n, H, W, C) or (n, C, H, W), a "
        "list of PIL images or a Dataset, and tables as a DataFrame or an array of shape "
        "(n_rows, n_columns)."
    )


def _readings(X: Any) -> dict[str, Reading]:
    return {name: made().recognise(X) for name, made in _MODALITIES.items()}


def _described(X: Any) -> str:
    if isinstance(X, (list, tuple)):
        return f"a list of {type(X[0]).__name__}"  # an empty one became an array
    shape, dtype = getattr(X, "shape", None), getattr(X, "dtype", None)
    if shape is None:
        return f"a {type(X).__name__}"
    what = f"a {type(X).__name__} of {len(shape)} dimensions, shape {tuple(shape)}"
    return f"{what} and {dtype}" if dtype is not None else what


def codec_to_json(codec: Codec) -> JSON:
    """Return a codec as JSON values, with the name of its modality."""
    return {"modality": codec.modality.name, **codec.to_json()}


def codec_from_json(record: JSON) -> Codec:
    """Rebuild a codec from `codec_to_json`.

    Raises
    ------
    ArchiveError
        The record is damaged, or its modality is not registered.
    """
    name = record.get("modality")
    if name not in _MODALITIES:
        known = sorted(_MODALITIES)
        raise ArchiveError(f"the archive holds data of modality {name!r}; known: {known}.")
    rest = {key: value for key, value in record.items() if key != "modality"}
    try:
        return _MODALITIES[name]().codec_from_json(rest)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise ArchiveError(f"the archive's {name} codec is damaged: {error!r}") from error


def modality_to_json(modality: str | Modality | None) -> JSON | None:
    """Return what a user gave as `modality` as JSON values."""
    if modality is None:
        return None
    found = get_modality(modality)
    return {"name": found.name, "options": found.options()}


def modality_from_json(record: JSON | None) -> Modality | None:
    """Rebuild what `modality_to_json` was given."""
    if record is None:
        return None
    name, options = record["name"], record["options"]
    if name not in _MODALITIES:
        raise InputError(f"the modality {name!r} is not known: {sorted(_MODALITIES)} are.")
    return _MODALITIES[name](**options)
