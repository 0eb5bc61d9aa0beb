"""``gen-augment bank``: synthetic rows into a bank."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gen_augment.cli.options import (
    DeviceOption,
    JobsOption,
    LabelOption,
    ModalityOption,
    ModelArgument,
    ModelClassOption,
)
from gen_augment.cli.terminal import err, out, progress, tell

__all__ = ["bank"]


def bank(
    model: ModelArgument,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="BANK", help="Folder to build or to continue."),
    ],
    n: Annotated[
        int, typer.Option("-n", min=1, help="Number of rows; of each --label, if any are given.")
    ],
    label: LabelOption = None,
    part: Annotated[
        str,
        typer.Option(
            metavar="I/N",
            help="Build only part I of N, from 1: N processes build one bank together.",
        ),
    ] = "1/1",
    jobs: JobsOption = 1,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed of the rows; by default that of the sampler."),
    ] = None,
    compression: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Compress images: webp or png lose nothing; jpeg:90 or webp:90 have a quality.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    sampler: ModelClassOption = None,
    modality: ModalityOption = None,
) -> None:
    """Generate rows into a bank, which DataLoader workers can read.

    If the command is interrupted, the same command continues where it stopped.

    Examples
    --------
    `gen-augment bank gan.safetensors -n 100000 -o digits-bank`

    `gen-augment bank flow.safetensors -n 100000 --compression webp -o photographs-bank`

    `gen-augment bank gan.safetensors -n 1000000 --jobs 8 -o digits-bank`

    `gen-augment bank gan.safetensors -n 5000 --label 3 --label 8 --part 1/2 -o digits-bank`
    """
    from gen_augment.bank import SampleBank
    from gen_augment.cli.loading import find_label, open_sampler
    from gen_augment.errors import InputError

    source = open_sampler(model, device, sampler, modality)
    wanted: Any = n if not label else {find_label(source.classes_, text): n for text in label}
    number, _, of = part.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise InputError(f"--part {part!r}: give I/N, such as 1/4, with I from 1 to N.")
    try:
        with progress("blocks") as update:
            whole = SampleBank.build_part(
                source,
                wanted,
                output,
                (int(number) - 1, int(of)),
                seed=seed,
                compression=compression,
                on_block=update,
                n_jobs=jobs,
            )
    except KeyboardInterrupt:
        tell(err, f"interrupted: the same command continues {output}.")
        raise
    if whole:
        tell(out, f"{len(SampleBank(output))} rows: {output}")
    else:
        tell(out, f"part {part} is built; other parts are missing: {output}")
