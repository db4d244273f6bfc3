import pytest
from worlds import instrumented_world


@pytest.fixture(scope="session")
def small_world():
    """Sixty firms and sixty months, two priced factors."""
    return instrumented_world()
