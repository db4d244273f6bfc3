"""Judge factor models against economies whose true premia are known."""

__version__ = "0.1.0"
