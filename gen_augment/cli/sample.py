"""``gen-augment sample``: synthetic rows to files."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gen_augment.cli.options import (
    DeviceOption,
    LabelOption,
    ModalityOption,
    ModelArgument,
    ModelClassOption,
    SeedOption,
)
from gen_augment.cli.terminal import check_writable, err, out, progress, tell
from gen_augment.progress import Update

__all__ = ["sample"]

#: Synthetic rows that are generated and written at a time.
PART_ROWS = 1 << 13


def sample(
    model: ModelArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="New folder for images and recordings; a .csv, .tsv or .parquet file for tables, "
            "and .csv, .parquet or .jsonl for texts.",
        ),
    ],
    n: Annotated[
        int, typer.Option("-n", min=1, help="Number of rows; of each --label, if any are given.")
    ] = 100,
    label: LabelOption = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Only rows of a table that meet this condition; may be given several times.",
        ),
    ] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    sampler: ModelClassOption = None,
    modality: ModalityOption = None,
) -> None:
    """Generate rows with a fitted sampler: class folders of images or recordings, or a file.

    A CSV file has the form of the file that the sampler was fitted on: separator, decimal mark,
    dates, and the word for a missing value.

    --where takes COLUMN=VALUE; COLUMN=LOW..HIGH for numbers or dates, where both ends are included
    and LOW.. and ..HIGH have an open end; and COLUMN= for a missing value. A month such as 2024-02,
    or a year, stands for all of its days. Conditions on one column are alternatives; those on
    several columns must all be met. The command writes as many rows as were asked for, or none if
    such rows are too rare.

    Examples
    --------
    `gen-augment sample gan.safetensors -n 500 --label 3 -o synthetic/`

    `gen-augment sample customers.safetensors -n 10000 -o synthetic.parquet`

    `gen-augment sample vae.safetensors -n 500 --where country=NO --where age=60..80 -o older.csv`
    """
    from gen_augment.cli.loading import find_label, open_sampler
    from gen_augment.data.export import check_output, write_parts
    from gen_augment.samplers import sample_parts

    source = open_sampler(model, device, sampler, modality)
    codec = source.codec_
    exists = check_output(output, codec.modality)
    if exists:
        check_writable(output, [model])
    wanted = None if not label else {find_label(source.classes_, text): n for text in label}
    conditions = codec.modality.read_conditions(codec, where) if where else None
    parts = sample_parts(source, None if wanted else n, wanted, seed, PART_ROWS, conditions)
    if exists:
        tell(err, f"{output} exists, and will be replaced.")
    total = n * len(wanted or [0])
    with progress("rows") as update:
        write_parts(output, _counted(parts, total, update), codec)
    tell(out, f"{total} synthetic rows: {output}")


def _counted(parts: Iterable[Any], total: int, update: Update) -> Iterator[Any]:
    """Yield parts of rows, and show how many there were."""
    done = 0
    for part in parts:
        yield part
        done += len(part[0])
        update(done, total)
