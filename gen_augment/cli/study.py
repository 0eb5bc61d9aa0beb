"""``gen-augment study``: whether synthetic rows help."""

from pathlib import Path
from typing import Annotated

import typer

from gen_augment.cli.options import (
    CategoryOption,
    DataArgument,
    DateOption,
    DecimalOption,
    DeviceOption,
    DropOption,
    EncodingOption,
    JobsOption,
    ModalityOption,
    NaValuesOption,
    NumberOption,
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
from gen_augment.cli.report import ReportOption, check_format
from gen_augment.cli.terminal import check_writable, read_model

__all__ = ["study"]


def study(
    data: DataArgument,
    output: ReportOption = Path("study.html"),
    target: TargetOption = None,
    text: TextOption = None,
    arms: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated, such as real,shift+mixup,gan:0.5,gan:agreement+shift+mixup."
        ),
    ] = None,
    sampler: Annotated[
        list[str] | None,
        typer.Option(
            help="Sampler to try, such as vae; or package.module:Class, which arms call by its "
            "`method`. May be given several times.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Classifier: sklearn.linear_model.LogisticRegression, or net.py:make_net."
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column that says which rows belong together, such as a patient: no split "
            "separates them, and the column is not a feature.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Paired repetitions.")] = 5,
    per_class: PerClassOption = None,
    metric: Annotated[
        str, typer.Option(help="Score by which arms are chosen and compared.")
    ] = "balanced_accuracy",
    margin: Annotated[
        float, typer.Option(help="The smallest gain that matters, in units of the metric.")
    ] = 0.0,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="End in this time, such as 20m or 1.5h, with fewer seeds, sampler steps and arms.",
        ),
    ] = None,
    jobs: JobsOption = 1,
    sequential: Annotated[
        bool,
        typer.Option(
            "--sequential", help="Stop as soon as the verdict is certain, at the same error rate."
        ),
    ] = False,
    sizes: Annotated[
        str | None,
        typer.Option(
            metavar="N,...",
            help="Rows of each class, such as 10,30, for a learning curve up to all of them.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Training steps of a network; by default, more for more rows."),
    ] = None,
    sampler_steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Training steps of each sampler; by default its own, or what fits the budget.",
        ),
    ] = None,
    recommend: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="Search for the best use of the samplers, and save that sampler here, if any.",
        ),
    ] = None,
    corruptions: Annotated[
        bool, typer.Option("--corruptions", help="Also test under common corruptions of images.")
    ] = False,
    drop_duplicates: Annotated[
        bool, typer.Option("--drop-duplicates", help="Leave out rows that occur twice.")
    ] = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    precision: PrecisionOption = None,
    modality: ModalityOption = None,
    option: ParameterOption = None,
    parameter: SamplerParameterOption = None,
    skip_unreadable: SkipOption = False,
    category: CategoryOption = None,
    number: NumberOption = None,
    date: DateOption = None,
    drop: DropOption = None,
    na_values: NaValuesOption = None,
    sep: SepOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
) -> None:
    """Find out whether synthetic rows help a classifier on this data, and by how much.

    Each trial is saved as it ends, in a folder next to the report: the same command continues where
    it stopped, and `gen-augment report` on the folder gives an interim report.

    Examples
    --------
    `gen-augment study digits --per-class 30 --sampler-steps 500 -o digits.html`

    `gen-augment study fashion-mnist --per-class 100 --budget 20m --jobs 2 -o fashion.html`

    `gen-augment study customers.csv --target churned --metric worst_class_recall -o churn.html`

    `gen-augment study photos/ --sampler diffusers --set path=sd/ --arms real,diffusers:vary=0.5`

    `gen-augment study digits --sizes 10,20,40 --sampler-steps 500 -o curve.html`

    `gen-augment study fashion-mnist --per-class 100 --recommend best.safetensors -o search.html`
    """
    from gen_augment.cli.loading import choose_modality, read_data, set_parameters, show_report
    from gen_augment.cli.studying import (
        apart,
        choose_samplers,
        minutes,
        place,
        read_sizes,
        run_study,
    )
    from gen_augment.study import Conditions, Split, Study, Training
    from gen_augment.study.models import load_model

    check_format(output, data)
    if recommend is not None:
        check_writable(recommend, [data], reader=read_model)
    time = None if budget is None else minutes(budget)
    options = modality_options(
        category=category, number=number, date=date, drop=drop, na_values=na_values, sep=sep,
        decimal=decimal, encoding=encoding, text=text, option=option,
        skip_unreadable=skip_unreadable,
    )  # fmt: skip
    loaded = read_data(data, target=target, modality=choose_modality(modality), options=options)
    show_report(loaded)
    rows, of_group = (loaded.rows, None) if groups is None else apart(loaded.rows, groups)
    named = None if arms is None else [arm.strip() for arm in arms.split(",")]
    where = place(device, precision)
    samplers = choose_samplers(rows, named, sampler or [], sampler_steps, where, recommend)
    set_parameters(samplers.values(), read_parameters("--set", parameter))
    made = Study(
        rows,
        model=None if model is None else load_model(model),
        arms=named,
        samplers=samplers,
        mirror=loaded.mirror,
        n_seeds=seeds,
        split=Split(
            test=loaded.test,
            groups=of_group,
            per_class=per_class,
            drop_duplicates=drop_duplicates,
        ),
        training=Training(n_steps=steps, **where),
        conditions=Conditions(corruptions=corruptions),
        metric=metric,
        margin=margin,
        sequential=sequential,
        sizes=read_sizes(sizes),
        random_state=seed,
        name=loaded.name,
    )
    run_study(made, output, recommend, jobs, time, shorten=sampler_steps is None)
