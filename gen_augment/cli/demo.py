"""``gen-augment demo``: the whole package on one small data set, in about two minutes."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gen_augment.cli.terminal import out, progress, tell

if TYPE_CHECKING:
    from gen_augment.study import Study, StudyResult

__all__ = ["demo"]

OPENING = (
    "About two minutes: train a generator on handwritten digits, fill a loader with it, and run "
    "two studies, one where synthetic rows do not pay and one where they do."
)


def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Folder to write.")
    ] = Path("demo"),
    quick: Annotated[
        bool, typer.Option("--quick", help="Train a few steps only, to check the installation.")
    ] = False,
) -> None:
    """Show on real digits what the package does, and when it does not help.

    The page `index.html` in the folder shows it all. A demo that was stopped goes on where it was.

    Examples
    --------
    `gen-augment demo -o demo`
    """
    tell(out, OPENING)
    import torch

    from gen_augment.cli.demonstration import (
        balance_a_loader,
        distil_a_forest,
        fit_a_sampler,
        help_a_network,
    )
    from gen_augment.cli.demonstration_page import render
    from gen_augment.errors import ArchiveError
    from gen_augment.study import save_result

    torch.set_num_threads(1)  # these networks are too small for more, which would wait and spin
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchiveError(f"cannot make the folder {output}: {error.strerror}.") from error
    tell(out, "\n1. A generator learns 300 digits.")
    sampler, train, picture = fit_a_sampler(output, quick=quick)
    tell(out, f"   {type(sampler).__name__} is fitted: {output / 'digits.safetensors'}")

    tell(out, "\n2. Its rows fill the rare classes of a data set to exact counts.")
    counts = balance_a_loader(sampler)
    tell(out, textwrap.indent(counts.T.to_string(), "   "))

    results = []
    studies = {"network": help_a_network, "tree": distil_a_forest}
    questions = ("3. Do they help a small network?", "4. Do they help to distil a forest?")
    for question, (name, make) in zip(questions, studies.items(), strict=True):
        tell(out, f"\n{question}")
        folder = output / f"{name}-trials"
        result = _run(make(quick=quick), folder)
        save_result(result, folder)
        result.to_html(output / f"{name}.html")
        tell(out, f"   {result.verdict()}")
        results.append(result)

    page = output / "index.html"
    page.write_text(render(picture, counts, *results, n_rows=len(train)), encoding="utf-8")
    tell(out, f"\nAll of it on one page: {page}")
    tell(out, "Next, try:")
    for command in (
        f"gen-augment sample {output / 'digits.safetensors'} -n 100 -o {output / 'samples'}",
        f"gen-augment audit {output / 'digits.safetensors'} digits -o {output / 'audit.html'}",
        "gen-augment study YOUR.csv --target COLUMN -o study.html",
    ):
        tell(out, f"   {command}")


def _run(study: "Study", folder: Path) -> "StudyResult":
    """Run what is left of a study, with progress."""
    from gen_augment.study import StudyInterrupted

    with progress("trials") as update:
        try:
            return study.run(folder, on_trial=lambda trial, done, total: update(done, total))
        except StudyInterrupted as error:
            raise KeyboardInterrupt from error
