"""Sources for the tests of injectors."""

import pytest

from gen_augment import SampleBank
from tests.inject.toys import Numbered

COUNTS = {0: 40, 1: 7, 2: 23}


@pytest.fixture(scope="session")
def numbered() -> Numbered:
    """A sampler with rows that encode their address."""
    return Numbered(prior=[0.5, 0.1, 0.4])


@pytest.fixture(scope="session")
def numbered_bank(numbered: Numbered, tmp_path_factory: pytest.TempPathFactory) -> SampleBank:
    """A bank of its rows."""
    return SampleBank.build(numbered, COUNTS, tmp_path_factory.mktemp("banks") / "numbered")
