"""``gen-augment demo``: the whole story on real data, in about two minutes."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Folder for page and trials.")
    ] = Path("demo"),
) -> None:
    """Show on real data what the package does, and when synthetic rows help and when they do not.

    It takes about two minutes on one core. A run that was stopped continues where it ended.

    Examples
    --------
    `gen-augment demo`
    """
    from gen_augment.cli.demonstrating import tell_story

    tell_story(output)
