"""``python -m benchmarks list | run NAME [--quick] | report``."""

import json
from typing import Annotated

import typer
from matplotlib import rc_context

from benchmarks import BENCHMARKS, SUITES, da_fusion
from benchmarks.harness import RESULTS, Record, markdown, save

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

app.command("da-fusion")(da_fusion.main)


@app.command("list")
def list_() -> None:
    """List the benchmarks."""
    for name, benchmark in BENCHMARKS.items():
        print(f"{name:17} {benchmark.about.strip().splitlines()[0]}")
    for name, members in SUITES.items():
        print(f"{name:17} {', '.join(members)}")


@app.command()
def run(
    name: str,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small size that checks that the code runs.")
    ] = False,
) -> None:
    """Run a benchmark, or each benchmark of a suite, and write the results.

    A stopped run resumes where it stopped. Several processes may share the trials:
    start the same command in each, with OMP_NUM_THREADS=1 on a machine without a GPU.
    """
    if name not in (*BENCHMARKS, *SUITES):
        raise typer.BadParameter(f"{name!r} is not one of {', '.join((*BENCHMARKS, *SUITES))}")
    for member in SUITES.get(name, (name,)):
        results = BENCHMARKS[member].run(quick)
        path = save(member, results, quick)
        print(BENCHMARKS[member].table(results))
        print(path)


@app.command()
def report() -> None:
    """Write the reports of all existing results.

    RESULTS.md is a summary. results/NAME.md has every table and the conditions.
    """
    parts, short, missing = [], [], []
    for name, benchmark in BENCHMARKS.items():
        path = RESULTS / f"{name}.json"
        if not path.exists():
            missing.append(f"`{name}`")
            continue
        record = json.loads(path.read_text())
        machines = ". ".join(map(_describe, record["machines"]))
        about, table, pictures = benchmark.about.strip(), benchmark.table(record["results"]), ""
        for title, figure in benchmark.figures(record["results"]).items():
            file = RESULTS / f"{name}-{title.replace(' ', '-')}.svg"
            with rc_context({"svg.hashsalt": name}):  # equal results give equal files
                figure.savefig(file, metadata={"Date": None})
            pictures += f"![{title}](results/{file.name})\n\n"
        short += [[f"`{name}`", *line] for line in benchmark.found(record["results"])]
        summary = benchmark.summary(record["results"]) if benchmark.summary else table
        repeat = f"Repeat: `python -m benchmarks run {name}`."
        whole = [
            f"# {name}",
            about,
            table,
            f"{pictures.replace('(results/', '(')}{machines}.\n{repeat}",
        ]
        (RESULTS / f"{name}.md").write_text("\n\n".join(whole) + "\n")
        link = f"[results/{name}.md](results/{name}.md)"
        in_full = f"All tables, the conditions and the machine: {link}. {repeat}"
        parts.append(
            "\n\n".join([f"## {name}", about.splitlines()[0], summary, f"{pictures}{in_full}"])
        )
    target = RESULTS.parent / "RESULTS.md"
    target.write_text("\n\n".join([_opening(short, missing), *parts]) + "\n")
    print(target)


def _opening(short: list[list[str]], missing: list[str]) -> str:
    """Return the findings of the protocols, and the benchmarks that have not been run."""
    header = [
        "protocol",
        "rows",
        "seeds",
        "best arm without synthetic rows, %",
        "best arm with synthetic rows, %",
        "gain, points",
    ]
    parts = ["# Results", "Written by `python -m benchmarks report` from `benchmarks/results/`."]
    if short:
        parts += [
            "Do synthetic images help a classifier? Both arms are selected on validation rows "
            "and compared on test rows. A verdict needs three seeds. A gain needs an interval "
            "(95%) above 0. Results of less than ten seeds are interim. All arms run three "
            "seeds. The finalists run ten seeds: the three best arms on validation without "
            "synthetic rows, and the three best with them. In `controls` and `robustness` all "
            "arms run ten seeds. Each line has its own interval: if nothing helps, chance still "
            "gives one gain in 40 lines.",
            markdown(header, short),
        ]
    if missing:
        parts.append(f"Not run yet: {', '.join(missing)}.")
    return "\n\n".join(parts)


def _describe(machine: Record) -> str:
    versions = ", ".join(f"{package} {number}" for package, number in machine["versions"].items())
    cores, threads = machine["cores"], machine["threads"]
    return f"{machine['processor']}, {cores} cores, {threads} threads; {versions}"


if __name__ == "__main__":
    app()
