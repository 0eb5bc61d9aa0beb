"""The page of an audit: one HTML file that needs no network."""

import base64
from typing import TYPE_CHECKING

from jinja2 import ChoiceLoader, Environment, PackageLoader

from gen_augment.study.report import as_number, as_words

if TYPE_CHECKING:
    from gen_augment.auditing.audit import Audit

__all__ = ["render"]


def render(audit: "Audit") -> str:
    """The page as HTML text."""
    from gen_augment.auditing.figures import FIGURES

    loader = ChoiceLoader(
        [PackageLoader("gen_augment.auditing", ""), PackageLoader("gen_augment.study.report", "")]
    )
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters |= {"number": as_number, "words": as_words}
    return environment.get_template("audit.html.j2").render(
        audit=audit,
        titles={name: figure.title for name, figure in FIGURES.items()},
        table=audit.table.reset_index().to_dict("records"),
        classes=audit.per_class.reset_index().to_dict("records"),
        columns=None
        if audit.per_column is None
        else audit.per_column.sort_values("shape").head(50).reset_index().to_dict("records"),
        groups=None
        if audit.groups is None
        else audit.groups.by_group.reset_index().to_dict("records"),
        pictures={title: base64.b64encode(png).decode() for title, png in audit.pictures.items()},
    )
