"""Published protocols and performance suites: ``python -m benchmarks list | run NAME | report``."""

from benchmarks import ctgan, filters, generators, injection, overhead, pythae, scale, tables
from benchmarks.harness import Benchmark

__all__ = ["BENCHMARKS"]

#: Every benchmark by name; one file each.
BENCHMARKS: dict[str, Benchmark] = {
    "ctgan": Benchmark(ctgan.__doc__ or "", ctgan.run, ctgan.table),
    "filters": Benchmark(filters.__doc__ or "", filters.run, filters.table),
    "generators": Benchmark(generators.__doc__ or "", generators.run, generators.table, generators.figures),
    "injection": Benchmark(injection.__doc__ or "", injection.run, injection.table),
    "overhead": Benchmark(overhead.__doc__ or "", overhead.run, overhead.table),
    "pythae": Benchmark(pythae.__doc__ or "", pythae.run, pythae.table),
    "scale": Benchmark(scale.__doc__ or "", scale.run, scale.table),
    "tables": Benchmark(tables.__doc__ or "", tables.run, tables.table, tables.figures),
}
