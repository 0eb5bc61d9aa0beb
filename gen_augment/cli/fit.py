"""``gen-augment fit``: fit a sampler and save it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gen_augment.cli.options import (
    BoundOption,
    CategoryOption,
    ClassesOption,
    DataArgument,
    DateOption,
    DecimalOption,
    DeltaOption,
    DeviceOption,
    DropOption,
    EncodingOption,
    EpsilonOption,
    ModalityOption,
    NaValuesOption,
    NumberOption,
    PaidOption,
    ParameterOption,
    PerClassOption,
    PrecisionOption,
    SamplerParameterOption,
    SeedOption,
    SepOption,
    SkipOption,
    TargetOption,
    TextOption,
    modality_options,
    read_parameters,
)
from gen_augment.cli.terminal import check_writable, err, out, read_model, tell

__all__ = ["fit"]

#: Default of --delta.
DELTA = 1e-6


def fit(
    data: DataArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="MODEL", help="File to write, such as model.safetensors."
        ),
    ],
    sampler: Annotated[
        str | None,
        typer.Option(
            help="Such as flow, gan, vae, paired, smote or bootstrap; or package.module:Class. "
            "By default flow, lm for texts, or the class of --init."
        ),
    ] = None,
    target: TargetOption = None,
    text: TextOption = None,
    per_class: PerClassOption = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimiser steps; by default those of the sampler.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows in a step.")] = None,
    init: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Start from this fitted sampler, with its parameters."),
    ] = None,
    grid: Annotated[
        Path | None, typer.Option(help="Folder for a picture of samples every 250 steps.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue from MODEL.partial, left by an interrupted fit."),
    ] = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    precision: PrecisionOption = None,
    modality: ModalityOption = None,
    option: ParameterOption = None,
    parameter: SamplerParameterOption = None,
    skip_unreadable: SkipOption = False,
    epsilon: EpsilonOption = None,
    delta: DeltaOption = DELTA,
    bound: BoundOption = None,
    classes: ClassesOption = None,
    paid: PaidOption = False,
    category: CategoryOption = None,
    number: NumberOption = None,
    date: DateOption = None,
    drop: DropOption = None,
    na_values: NaValuesOption = None,
    sep: SepOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
) -> None:
    """Fit a sampler on labelled data and save it.

    Before a table is fitted, the command prints how each column was read.

    Examples
    --------
    `gen-augment fit fashion-mnist --sampler flow --per-class 1000 -o flow.safetensors`

    `gen-augment fit more/ --init flow.safetensors --steps 1000 -o more.safetensors`

    `gen-augment fit photos/ --sampler diffusers --set path=sd-1-5/ -o photos.safetensors`

    `gen-augment fit people.csv --target churned --drop id --category zip -o people.safetensors`

    `gen-augment fit a.csv --target y --sampler marginal --epsilon 3 --paid -o private.safetensors`
    """
    from gen_augment.cli.fitting import fitted, make_sampler
    from gen_augment.cli.loading import choose_modality, read_data, set_parameters
    from gen_augment.cli.private import make_private, private_budget, show_guarantee
    from gen_augment.errors import InputError

    partial = output.with_name(output.name + ".partial")
    asked = {"max_steps": steps, "batch_size": batch_size, "precision": precision}
    check_writable(output, [data, init], reader=read_model)
    check_writable(partial, [data, init])  # it is removed after the fit

    def make(name: str | None) -> tuple[Any, Any]:
        model, start = make_sampler(name, init, asked, partial, resume, grid, seed, device)
        set_parameters([model], read_parameters("--set", parameter))
        return model, start

    made = None if sampler is None and init is None else make(sampler)  # before data are read

    options = modality_options(
        category=category, number=number, date=date, drop=drop, na_values=na_values, sep=sep,
        decimal=decimal, encoding=encoding, text=text, option=option,
        skip_unreadable=skip_unreadable,
    )  # fmt: skip
    loaded = read_data(
        data, target=target, modality=choose_modality(modality), options=options,
        keep_identifiers=sampler == "bootstrap",  # which repeats rows as they are
        per_class=per_class, seed=seed,
    )  # fmt: skip
    model, start = made or make(loaded.modality.networks.fit_sampler)
    if epsilon is None and (bound or classes or paid or delta != DELTA):
        raise InputError(
            "--delta, --bound, --classes and --paid are for private training: give --epsilon."
        )
    if epsilon is not None:
        budget = private_budget(loaded.rows, epsilon, delta, bound or [], classes, paid=paid)
        make_private(model, budget, resume=resume)
    try:
        n_rows = fitted(model, loaded, start)
    except KeyboardInterrupt:
        if epsilon is not None:
            tell(
                err,
                f"interrupted: {output} was not written. A private fit keeps no checkpoint and "
                "cannot be resumed: start it again.",
            )
        elif partial.exists():
            done = f"{getattr(model, 'n_steps_', 0)} of {model.max_steps}"
            tell(
                err,
                f"interrupted at step {done}: the same command with --resume continues from "
                f"{partial}.",
            )
        raise
    model.save(output)
    partial.unlink(missing_ok=True)
    trained = f" in {model.n_steps_} steps" if hasattr(model, "n_steps_") else ""
    rows = f"{n_rows} rows of {loaded.name}"
    tell(out, f"{type(model).__name__} fitted on {rows}{trained}: {output}")
    show_guarantee(model)
