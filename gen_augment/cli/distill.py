"""``gen-augment distill``: a slow classifier as a tree that can be read."""

from pathlib import Path
from typing import Annotated

import typer

from gen_augment.cli.options import (
    CategoryOption,
    DataArgument,
    DateOption,
    DecimalOption,
    DropOption,
    EncodingOption,
    ModalityOption,
    NaValuesOption,
    NumberOption,
    SeedOption,
    SepOption,
    TargetOption,
    modality_options,
)
from gen_augment.cli.terminal import check_is_page, check_writable, out, tell

__all__ = ["distill"]


def distill(
    data: DataArgument,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="MODEL", help="File of the tree, such as tree.json."
        ),
    ],
    target: TargetOption = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            help="Slow classifier: trees, boosting, or a class such as "
            "sklearn.ensemble.RandomForestClassifier. Several are averaged; by default trees and "
            "boosting.",
        ),
    ] = None,
    student: Annotated[
        str, typer.Option(metavar="tree:DEPTH", help="The tree and its greatest depth.")
    ] = "tree:8",
    sampler: Annotated[
        str,
        typer.Option(
            help="Sampler of the rows that the teacher labels, such as kde; none for none."
        ),
    ] = "kde",
    ratio: Annotated[float, typer.Option(min=0, help="Synthetic rows for each real row.")] = 10,
    test_size: Annotated[
        float,
        typer.Option(help="Share of the rows to test on, which neither teacher nor tree learns."),
    ] = 0.25,
    report: Annotated[
        Path | None,
        typer.Option(help="Page with rules and picture; by default MODEL with the suffix .html."),
    ] = None,
    seed: SeedOption = 0,
    modality: ModalityOption = None,
    category: CategoryOption = None,
    number: NumberOption = None,
    date: DateOption = None,
    drop: DropOption = None,
    na_values: NaValuesOption = None,
    sep: SepOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
) -> None:
    """Distil a slow classifier of a table into one tree, whose rules can be read.

    The tree is written as JSON, which `gen_augment.distillation.ReadableTree.load` reads.

    Examples
    --------
    `gen-augment distill customers.csv --target churned --student tree:6 -o tree.json`

    `gen-augment distill wine --teacher sklearn.ensemble.RandomForestClassifier -o tree.json`
    """
    from gen_augment.cli.distilling import (
        choose_student,
        choose_teachers,
        distilled,
        split,
        write_report,
    )
    from gen_augment.cli.loading import choose_modality, choose_sampler, read_data, show_report
    from gen_augment.distillation import ReadableTree
    from gen_augment.errors import InputError

    page = output.with_suffix(".html") if report is None else report
    if page == output:
        raise InputError(f"{page} would be both tree and report: name the tree such as tree.json.")
    check_writable(page, [data])
    check_is_page(page)
    check_writable(output, [data], reader=ReadableTree.load)
    models = choose_student(student), choose_teachers(teacher or ["trees", "boosting"])
    made = None if sampler == "none" else choose_sampler(sampler)()
    options = modality_options(
        category=category, number=number, date=date, drop=drop, na_values=na_values, sep=sep,
        decimal=decimal, encoding=encoding,
    )  # fmt: skip
    loaded = read_data(data, target=target, modality=choose_modality(modality), options=options)
    show_report(loaded)
    train, test = split(loaded, test_size, seed)
    model = distilled(*models, made, ratio, seed, train)
    tree = ReadableTree.of(model.student_, model.classes_)
    tree.save(output)
    write_report(model, tree, test, loaded.name, page)
    tell(out, f"Tree: {output}\nReport: {page}")
