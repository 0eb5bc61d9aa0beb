"""Published protocols and performance suites: ``python -m benchmarks list | run NAME | report``."""

from benchmarks import injection, overhead, synthetic_only
from benchmarks.harness import Benchmark

__all__ = ["BENCHMARKS"]

#: Every benchmark by name; one file each.
BENCHMARKS: dict[str, Benchmark] = {
    "injection": Benchmark(injection.__doc__ or "", injection.run, injection.table),
    "overhead": Benchmark(overhead.__doc__ or "", overhead.run, overhead.table),
    "synthetic-only": Benchmark(synthetic_only.__doc__ or "", synthetic_only.run, synthetic_only.table),
}
