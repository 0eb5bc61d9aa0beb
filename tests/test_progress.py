"""The progress bar of commands and studies."""

import io

from rich.console import Console

from gen_augment.progress import progress_bar


def test_the_bar_shows_name_counts_and_the_last_part_as_they_are() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    with progress_bar("trials", console) as update:
        update(3, 7, "[bold]gan, seed 1")
    shown = stream.getvalue()
    for text in ("trials", "3/7", "[bold]gan, seed 1"):  # names are not markup
        assert text in shown
    assert shown.rstrip("\r").endswith("\x1b[2K")  # the line is erased at the end


def test_an_error_inside_ends_the_bar() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    for _ in range(2):  # an active bar would refuse a second one
        try:
            with progress_bar("x", console):
                raise KeyError
        except KeyError:
            pass
