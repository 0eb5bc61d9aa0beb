"""The report of a study as Markdown."""

from gen_augment.study.arms_table import arms_table
from gen_augment.study.findings import Findings
from gen_augment.study.report.wording import as_number
from gen_augment.study.verdict import details, verdict

__all__ = ["render_markdown", "title"]


def title(found: Findings) -> str:
    """Return the heading of a report, with the name of the data set."""
    name = found.protocol.get("name")
    heading = f"Did synthetic data help on {name}?" if name else "Did synthetic data help?"
    return f"Interim report: {heading}" if found.design.interim else heading


def render_markdown(found: Findings) -> str:
    """Return the verdict, the table of arms and their meaning as Markdown."""
    scale, metric = found.metric.scale, found.metric
    digits = 2 if metric.percent else 3
    titles = [
        "arm",
        metric.label,
        "difference",
        f"{found.design.level} interval",
        "p (Holm)",
        "worst-class recall, %",
    ]
    if found.design.interim:
        titles[1] += " on validation"
    shown = f"validation_{metric.name}" if found.design.interim else metric.name
    taught = "teacher" in found.arms
    titles += ["predict a row, µs", "size, kB"] if taught else []
    lines = ["| " + " | ".join(titles) + " |", "| --- |" + " ---: |" * (len(titles) - 1)]
    for arm, row in arms_table(found).iterrows():
        ends = [as_number(row[name], digits, scale, True) for name in ("low", "high")]
        cells = [
            str(arm).replace("|", "\\|"),
            as_number(row[shown], digits, scale),
            as_number(row["difference"], digits, scale, True),
            "–" if "–" in ends else " to ".join(ends),
            as_number(row["p_holm"], 3),
            as_number(row["worst_class_recall"], 1, 100),
        ]
        if taught:
            cells += [as_number(row["predict_us"], 1), as_number(row["model_bytes"], 1, 0.001)]
        lines.append("| " + " | ".join(cells) + " |")
    explained = found.protocol.get("explained", {})
    meaning = "".join(f"\n- `{arm}`: {explained[arm]}" for arm in found.arms if arm in explained)
    words = "\n\n".join([f"**{verdict(found)}**", *details(found)])
    table = "\n".join(lines)
    return f"# {title(found)}\n\n{words}\n\n{table}\n" + (f"{meaning}\n" if meaning else "")
