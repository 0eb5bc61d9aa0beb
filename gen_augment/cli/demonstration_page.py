"""The page of ``gen-augment demo``."""

import base64

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader

from gen_augment.study import StudyResult
from gen_augment.study.report import as_number
from gen_augment.study.report.plots import difference_plot
from gen_augment.study.report.wording import breakable

__all__ = ["render"]


def render(
    picture: bytes, counts: pd.DataFrame, network: StudyResult, tree: StudyResult, *, n_rows: int
) -> str:
    """Return one HTML page of what the demo did, with links to the reports of its studies.

    Parameters
    ----------
    picture : bytes
        PNG of real and synthetic rows.
    counts : DataFrame
        Rows of each class, before and after.
    network, tree : StudyResult
    n_rows : int
        Rows that the sampler was fitted on.
    """
    loader = ChoiceLoader(
        [PackageLoader("gen_augment.cli", ""), PackageLoader("gen_augment.study.report", "")]
    )
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters |= {"number": as_number, "breakable": breakable}
    return environment.get_template("demo.html.j2").render(
        picture=base64.b64encode(picture).decode(),
        counts=counts,
        n_rows=n_rows,
        studies={"network": _shown(network), "tree": _shown(tree)},
    )


def _shown(result: StudyResult) -> dict[str, object]:
    """Return the parts of a result that the page shows."""
    reference = result.best(generative=False)
    return {
        "verdict": result.verdict(),
        "outcome": result.comparison().outcome,
        "arms": result.arms,
        "reference": reference,
        "metric": result.metric,
        "plot": "" if reference is None else difference_plot(result, reference),
        "explained": result.protocol.get("explained", {}),
        "table": result.table().reset_index().to_dict("records"),
    }
