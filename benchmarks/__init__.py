"""Protocols and performance suites: ``python -m benchmarks list | run NAME | report``."""

from dataclasses import replace

from benchmarks import (
    ablation,
    audio,
    canary,
    claims,
    controls,
    ctgan,
    da_fusion,
    distillation,
    distillation_report,
    few_steps,
    filters,
    generators,
    generators_report,
    imputation,
    injection,
    language,
    longtail,
    lowdata,
    overhead,
    precision,
    private,
    processes,
    pythae,
    quality,
    robustness,
    scale,
    second_opinion,
    series,
    sites,
    spoken,
    tables,
    tables_report,
    text,
    transfer,
    unlabelled,
)
from benchmarks.harness import Benchmark
from benchmarks.protocol import Protocol

__all__ = ["BENCHMARKS", "SUITES"]


def _of(about: str | None, protocol: Protocol) -> Benchmark:
    """Return the benchmark of a protocol."""
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
    ),  # the report shows all arms
    "audio-lowdata": _of(audio.__doc__, audio.PROTOCOL),
    "canary": Benchmark(canary.__doc__ or "", canary.run, canary.table),
    "cifar-lowdata": _of(lowdata.__doc__, lowdata.CIFAR),
    "claims": Benchmark(claims.__doc__ or "", claims.run, claims.table, claims.figures),
    "controls": Benchmark(
        controls.__doc__ or "", controls.run, controls.table, controls.PROTOCOL.figures
    ),
    "ctgan": Benchmark(ctgan.__doc__ or "", ctgan.run, ctgan.table, ctgan.figures),
    "da-fusion": Benchmark(da_fusion.__doc__ or "", da_fusion.run, da_fusion.table),
    "distillation": Benchmark(
        distillation.__doc__ or "",
        distillation.run,
        distillation_report.table,
        distillation_report.figures,
    ),
    "fashion-longtail": _of(longtail.__doc__, longtail.FASHION),
    "fashion-lowdata": _of(lowdata.__doc__, lowdata.FASHION),
    "few-steps": Benchmark(few_steps.__doc__ or "", few_steps.run, few_steps.table),
    "filters": Benchmark(filters.__doc__ or "", filters.run, filters.table, filters.figures),
    "generators": Benchmark(
        generators.__doc__ or "",
        generators.run,
        generators_report.table,
        generators_report.figures,
        summary=generators_report.summary,
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
    "precision": Benchmark(precision.__doc__ or "", precision.run, precision.table),
    "processes": Benchmark(processes.__doc__ or "", processes.run, processes.table),
    "private": Benchmark(private.__doc__ or "", private.run, private.table),
    "pythae": Benchmark(pythae.__doc__ or "", pythae.run, pythae.table, pythae.figures),
    "quality": Benchmark(quality.__doc__ or "", quality.run, quality.table, quality.figures),
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
    "series": _of(series.__doc__, series.PROTOCOL),
    "spoken-digits": Benchmark(spoken.__doc__ or "", spoken.run, spoken.table),
    "sites": Benchmark(sites.__doc__ or "", sites.run, sites.table),
    "tables": Benchmark(
        tables.__doc__ or "",
        tables.run,
        tables_report.table,
        tables_report.figures,
        summary=tables_report.summary,
    ),
    "text-lowdata": _of(text.__doc__, text.PROTOCOL),
    "text-lowdata-lm": _of(text.__doc__, text.LANGUAGE),
    "transfer": _of(transfer.__doc__, transfer.PROTOCOL),
    "unlabelled": _of(unlabelled.__doc__, unlabelled.PROTOCOL),
}

#: Groups of benchmarks, and other names of benchmarks.
SUITES: dict[str, tuple[str, ...]] = {
    "speed": ("injection", "pythae", "overhead", "scale", "ctgan"),
    "synthetic-only": ("generators",),
    "tables-imbalanced": ("tables",),
}
