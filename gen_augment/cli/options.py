"""Arguments and options that several commands take."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "BoundOption",
    "CategoryOption",
    "ClassesOption",
    "DataArgument",
    "DateOption",
    "DecimalOption",
    "DeltaOption",
    "DeviceOption",
    "DropOption",
    "EncodingOption",
    "EpsilonOption",
    "JobsOption",
    "LabelOption",
    "ModalityOption",
    "ModelArgument",
    "ModelClassOption",
    "NaValuesOption",
    "NumberOption",
    "PaidOption",
    "ParameterOption",
    "PerClassOption",
    "PrecisionOption",
    "SamplerParameterOption",
    "SeedOption",
    "SepOption",
    "SkipOption",
    "TargetOption",
    "TextOption",
    "modality_options",
    "read_parameters",
]

DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="One of digits, mnist, fashion-mnist, breast-cancer, wine; a folder of class folders "
        "of images, recordings or .txt files; a .ts or .npz file of series; or a CSV, Parquet or "
        "ARFF file, or a folder of Parquet files, with --target.",
        show_default=False,
    ),
]
ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="A file that fit wrote, or hub:owner/name.", show_default=False
    ),
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Generate rows of this label; may be given several times. By default, labels are "
        "drawn from the class prior."
    ),
]
TargetOption = Annotated[
    str | None, typer.Option(help="Column of the labels, for a table or texts in a file.")
]
TextOption = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The rows are the texts in this column of a CSV, Parquet or JSON Lines file.",
    ),
]
PerClassOption = Annotated[
    int | None, typer.Option(min=1, help="Use this many rows of each class.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
JobsOption = Annotated[int, typer.Option(help="Processes; -1 for one on each core.")]
PrecisionOption = Annotated[
    str | None,
    typer.Option(
        help="Precision of training: 32-true; bf16-mixed, which is faster on processors with "
        "instructions for bfloat16; or auto, which is the one or the other."
    ),
]
ModalityOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How to read the data, such as image, table or text; or package.module:Class for a "
        "modality of your own.",
    ),
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="A parameter of the modality, such as image_size=256 of images or sample_rate=8000 of "
        "audio; may be given several times.",
    ),
]
SkipOption = Annotated[
    bool,
    typer.Option(
        "--skip-unreadable", help="Leave out image files that cannot be read, and list them."
    ),
]
SamplerParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter of the sampler, such as width=64, or path=FOLDER of diffusers; may be "
        "given several times.",
    ),
]
ModelClassOption = Annotated[
    str | None,
    typer.Option(
        "--sampler",
        metavar="MODULE:CLASS",
        help="Class of the sampler in MODEL if it is your own: package.module:Class.",
    ),
]

_PRIVACY = "Privacy"
EpsilonOption = Annotated[
    float | None,
    typer.Option(
        help="Train with differential privacy: the flow, vae, gan and marginal samplers.",
        rich_help_panel=_PRIVACY,
    ),
]
DeltaOption = Annotated[
    float,
    typer.Option(help="Far below one over the number of rows.", rich_help_panel=_PRIVACY),
]
BoundOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=LOW..HIGH",
        help="Public bounds of numbers or dates, or categories, COLUMN=a,b,c; with ? at the end if "
        "values may be missing. COLUMN=paid buys them. LOW..HIGH alone for images of floats.",
        rich_help_panel=_PRIVACY,
    ),
]
ClassesOption = Annotated[
    str | None,
    typer.Option(metavar="A,B,C", help="All possible labels.", rich_help_panel=_PRIVACY),
]
PaidOption = Annotated[
    bool,
    typer.Option(
        "--paid",
        help="Pay for bounds, categories and labels that are not given, out of the budget. Ranges "
        "of dates have to be given.",
        rich_help_panel=_PRIVACY,
    ),
]

_PANEL = "Columns and files"
CategoryOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Read this column as categories; may be given several times, as the next four.",
        rich_help_panel=_PANEL,
    ),
]
NumberOption = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Read this column as numbers.", rich_help_panel=_PANEL),
]
DateOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Read this column as dates; COLUMN=%d.%m.%Y names their form.",
        rich_help_panel=_PANEL,
    ),
]
DropOption = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Leave this column out.", rich_help_panel=_PANEL),
]
NaValuesOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WORD",
        help="A word that means a missing value in every column.",
        rich_help_panel=_PANEL,
    ),
]
SepOption = Annotated[
    str | None,
    typer.Option(help="Column separator of a CSV file; \\t for tabs.", rich_help_panel=_PANEL),
]
DecimalOption = Annotated[
    str | None, typer.Option(help="Decimal mark of a CSV file.", rich_help_panel=_PANEL)
]
EncodingOption = Annotated[
    str | None,
    typer.Option(help="Encoding of a CSV file, such as latin-1.", rich_help_panel=_PANEL),
]


def modality_options(
    *,
    category: list[str] | None = None,
    number: list[str] | None = None,
    date: list[str] | None = None,
    drop: list[str] | None = None,
    na_values: list[str] | None = None,
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    text: str | None = None,
    option: list[str] | None = None,
    skip_unreadable: bool = False,
) -> dict[str, Any]:
    """Collect what was said on columns and files as parameters of a modality."""
    types = dict.fromkeys(number or [], "number") | dict.fromkeys(category or [], "category")
    dates = {}
    for words in date or []:
        name, _, form = words.partition("=")
        dates[name] = form or "date"
    for name in types:
        if name in dates or (name in (number or []) and name in (category or [])):
            raise typer.BadParameter(
                f"column {name!r} is given to several of --category, --number and --date: give it "
                "to one."
            )
    file = {
        "sep": sep,
        "decimal": decimal,
        "encoding": encoding,
        "na_values": na_values,
        "drop": drop,
        "readings": dates,
    }
    given = {name: value for name, value in file.items() if value}
    on_error = "skip" if skip_unreadable else None
    options = {"types": types, "file": given, "column": text, "on_error": on_error}
    found = {name: value for name, value in options.items() if value}
    return found | read_parameters("--option", option)


def read_parameters(flag: str, given: list[str] | None) -> dict[str, Any]:
    """Read ``NAME=VALUE`` of an option; a value is JSON, or else a string."""
    return dict(_parameter(flag, words) for words in given or [])


def _parameter(flag: str, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise typer.BadParameter(f"{flag} {text!r} is not NAME=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
