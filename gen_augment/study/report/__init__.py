"""The report of a study: one HTML file that needs no network, or Markdown."""

from gen_augment.study.report.html import render
from gen_augment.study.report.markdown import render_markdown
from gen_augment.study.report.wording import as_number, as_words

__all__ = ["as_number", "as_words", "render", "render_markdown"]
