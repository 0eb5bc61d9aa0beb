"""``gen-augment pool``: one sampler from the samplers of several sites."""

from pathlib import Path
from typing import Annotated

import typer

from gen_augment.cli.options import DeviceOption
from gen_augment.cli.terminal import check_writable, out, read_model, tell

__all__ = ["pool"]


def pool(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODELS", help="Files that fit wrote.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL", help="File to write.")],
    weight: Annotated[
        list[float] | None,
        typer.Option(
            help="Share of the rows of each file, in their order; by default the number of its "
            "training rows."
        ),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Pool fitted samplers of several sites into one, which knows the classes of all.

    The names of the files name the sites.

    Examples
    --------
    `gen-augment pool oslo.safetensors bergen.safetensors -o all.safetensors`
    """
    from gen_augment.cli.private import show_guarantee
    from gen_augment.errors import InputError
    from gen_augment.samplers import load_sampler
    from gen_augment.samplers import pool as pool_samplers

    files = [path.resolve() for path in models]
    twice = [path for number, path in enumerate(models) if files[number] in files[:number]]
    if twice:
        raise InputError(
            f"{twice[0]} is given twice: give each file once, and --weight for a larger share."
        )
    check_writable(output, models, reader=read_model)
    names = [path.stem for path in models]
    if len(set(names)) < len(names):
        names = [str(path) for path in models]
    parts = [load_sampler(path, device=device) for path in models]
    made = pool_samplers(parts, weights=weight or None, sites=names)
    made.save(output)
    n_classes = len(made.classes_)
    tell(out, f"{len(parts)} samplers with {n_classes} classes in all: {output}")
    show_guarantee(made)
    without = [
        name
        for name, part in zip(names, parts, strict=True)
        if getattr(part, "privacy_", None) is None
    ]
    if 0 < len(without) < len(parts):
        tell(out, f"not private: no guarantee for the rows of {', '.join(without)}")
