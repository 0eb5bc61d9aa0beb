"""What a reader can do after a verdict."""

from importlib.metadata import PackageNotFoundError, metadata

from gen_augment.study.findings import Findings
from gen_augment.study.verdict import MIN_SEEDS, compare

__all__ = ["GUIDE", "guide_url", "next_steps"]

#: The page of the documentation that says when synthetic rows help.
GUIDE = "Does synthetic data help me?"
_RECOMMEND = (
    "To search for a better use of the samplers, call recommend() of the study, or add "
    "--recommend FILE to the command."
)


def next_steps(found: Findings) -> list[str]:
    """Return sentences about what to do, in the order of their importance."""
    result = compare(found)
    if result.outcome == "interim":
        return ["Run the same study with the same folder again: finished trials are not repeated."]
    if result.outcome == "too few seeds":
        return [f"Run the study again with n_seeds={MIN_SEEDS + 2}: two seeds cannot tell."]
    if result.outcome == "no arm":
        return ["See the failed trials below, or name the missing arm in arms=."]
    if result.outcome == "helped":
        return [
            f"Train as {result.arm} does, if the gain is worth the time to fit and to sample.",
            "Audit the sampler before its rows leave your hands: an audit reports copies of "
            "training rows.",
            "Repeat the study with rows that were collected later, if you have any.",
        ]
    said = [f"Train as {result.reference} does: it needs no generator."]
    if result.outcome == "no evidence":
        said.append("If a small gain would matter to you, collect more rows rather than tuning.")
    return [*said, _RECOMMEND]


def guide_url() -> str | None:
    """Return the address of `GUIDE`; None if the package names no documentation on the web."""
    try:
        links = metadata("gen_augment").get_all("Project-URL") or []
    except PackageNotFoundError:  # run from a source tree
        return None
    found = dict(link.split(", ", 1) for link in links).get("Documentation")
    return found and f"{found.rstrip('/')}/does-it-help.html"
