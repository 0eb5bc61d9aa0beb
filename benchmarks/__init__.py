"""Published protocols and performance suites: ``python -m benchmarks list | run NAME | report``."""

from dataclasses import replace

from benchmarks import (
    ablation,
    controls,
    ctgan,
    distillation,
    filters,
    generators,
    imputation,
    injection,
    language,
    longtail,
    lowdata,
    overhead,
    private,
    pythae,
    robustness,
    scale,
    second_opinion,
    sites,
    tables,
    text,
    transfer,
    unlabelled,
)
from benchmarks.harness import Benchmark
from benchmarks.protocol import Protocol

__all__ = ["BENCHMARKS", "SUITES"]


def _of(about: str | None, protocol: Protocol) -> Benchmark:
    return Benchmark(
        about or "",
        protocol.run,
        protocol.table,
        protocol.figures,
        protocol.found,
        protocol.summary,
    )


#: Every benchmark by name.
BENCHMARKS: dict[str, Benchmark] = {
    "ablation": replace(
        _of(ablation.__doc__, ablation.PROTOCOL), summary=None
    ),  # all arms are the answer
    "cifar-lowdata": _of(lowdata.__doc__, lowdata.CIFAR),
    "controls": Benchmark(
        controls.__doc__ or "", controls.run, controls.table, controls.PROTOCOL.figures
    ),
    "ctgan": Benchmark(ctgan.__doc__ or "", ctgan.run, ctgan.table, ctgan.figures),
    "distillation": Benchmark(
        distillation.__doc__ or "", distillation.run, distillation.table, distillation.figures
    ),
    "fashion-longtail": _of(longtail.__doc__, longtail.FASHION),
    "fashion-lowdata": _of(lowdata.__doc__, lowdata.FASHION),
    "filters": Benchmark(filters.__doc__ or "", filters.run, filters.table, filters.figures),
    "generators": Benchmark(
        generators.__doc__ or "",
        generators.run,
        generators.table,
        generators.figures,
        summary=generators.summary,
    ),
    "imputation": Benchmark(
        imputation.__doc__ or "", imputation.run, imputation.table, imputation.figures
    ),
    "injection": Benchmark(
        injection.__doc__ or "", injection.run, injection.table, injection.figures
    ),
    "language": Benchmark(language.__doc__ or "", language.run, language.table),
    "mnist-longtail": _of(longtail.__doc__, longtail.MNIST),
    "mnist-lowdata": _of(lowdata.__doc__, lowdata.MNIST),
    "overhead": Benchmark(overhead.__doc__ or "", overhead.run, overhead.table, overhead.figures),
    "private": Benchmark(private.__doc__ or "", private.run, private.table),
    "pythae": Benchmark(pythae.__doc__ or "", pythae.run, pythae.table, pythae.figures),
    "robustness": replace(
        _of(robustness.__doc__, robustness.PROTOCOL),
        table=robustness.table,
        figures=robustness.figures,
        summary=robustness.summary,
    ),
    "scale": Benchmark(scale.__doc__ or "", scale.run, scale.table, scale.figures),
    "second-opinion": Benchmark(
        second_opinion.__doc__ or "",
        second_opinion.run,
        second_opinion.table,
        second_opinion.figures,
    ),
    "sites": Benchmark(sites.__doc__ or "", sites.run, sites.table),
    "tables": Benchmark(
        tables.__doc__ or "", tables.run, tables.table, tables.figures, summary=tables.summary
    ),
    "text-lowdata": _of(text.__doc__, text.PROTOCOL),
    "transfer": _of(transfer.__doc__, transfer.PROTOCOL),
    "unlabelled": _of(unlabelled.__doc__, unlabelled.PROTOCOL),
}

#: Benchmarks that answer one question together, or that have another name elsewhere.
SUITES: dict[str, tuple[str, ...]] = {
    "speed": ("injection", "pythae", "overhead", "scale", "ctgan"),
    "synthetic-only": ("generators",),
    "tables-imbalanced": ("tables",),
}
