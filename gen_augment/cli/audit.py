"""``gen-augment audit``: what a sampler's rows are like."""

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
    ModalityOption,
    ModelArgument,
    ModelClassOption,
    NaValuesOption,
    NumberOption,
    ParameterOption,
    PerClassOption,
    SeedOption,
    SepOption,
    SkipOption,
    TargetOption,
    TextOption,
    modality_options,
)
from gen_augment.cli.terminal import check_is_page, check_writable, out, tell

__all__ = ["audit"]


def audit(
    model: ModelArgument,
    data: DataArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PAGE", help="HTML file to write.")
    ],
    target: TargetOption = None,
    text: TextOption = None,
    per_class: PerClassOption = None,
    unseen: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Rows that the sampler was not fitted on, as DATA."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Compare the groups of rows in this column."),
    ] = None,
    features: Annotated[
        str,
        typer.Option(
            help="Features in which images are compared: auto, values, or a torchvision model "
            "whose weights are in the cache of torch.hub."
        ),
    ] = "auto",
    n: Annotated[int, typer.Option("-n", min=1, help="Synthetic rows to look at.")] = 5000,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    sampler: ModelClassOption = None,
    modality: ModalityOption = None,
    option: ParameterOption = None,
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
    """Compare a sampler's rows with real ones: fidelity, diversity, labels and copies.

    Give DATA, --per-class and --seed as for `fit`; columns are read as they were then. A test part
    that comes with the data serves as unseen rows, unless --unseen names others. The figures are
    also written to PAGE with the suffix .json.

    Examples
    --------
    `gen-augment audit flow.safetensors fashion-mnist --per-class 1000 -o flow.html`

    `gen-augment audit vae.safetensors a.csv --target y --unseen b.csv --group region -o vae.html`
    """
    from gen_augment.auditing import audit as run_audit
    from gen_augment.cli.loading import open_sampler, read_data

    check_is_page(output)
    sheet = output.with_suffix(".json")
    check_writable(output, [model, data, unseen])
    check_writable(sheet, [model, data, unseen], reader=_read_sheet)
    source = open_sampler(model, device, sampler, modality)
    form = source.codec_.modality
    options = modality_options(
        category=category, number=number, date=date, drop=drop, na_values=na_values, sep=sep,
        decimal=decimal, encoding=encoding, text=text, option=option,
        skip_unreadable=skip_unreadable,
    )  # fmt: skip
    loaded = read_data(
        data, target=target, modality=form, options=options, per_class=per_class, seed=seed
    )
    holdout = loaded.test
    if unseen is not None:
        holdout = read_data(unseen, target=target, modality=form, options=options).rows
    found = run_audit(
        source,
        loaded.rows,
        holdout=holdout,
        group=group,
        features=features,
        n_samples=n,
        random_state=seed,
        name=loaded.name,
    )
    found.to_html(output)
    found.to_json(sheet)
    for finding in (found.verdict, *found.findings):
        out.print(finding, style="bold", markup=False, soft_wrap=True)
    tell(out, f"Page: {output}\nSheet: {sheet}")


def _read_sheet(path: Path) -> None:
    """Raise if a file holds no figures of an audit."""
    from gen_augment.archive import read_json
    from gen_augment.errors import InputError

    if "sampler_fingerprint" not in read_json(path):
        raise InputError(f"{path} holds no audit.")
