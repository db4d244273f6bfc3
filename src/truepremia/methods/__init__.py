"""Factor methods, and what a method of your own is made of."""

from typing import Any

__all__ = ["Factors", "Method", "Portfolio", "Setting"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: a stage that asks for one module of this wing imports no other.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from truepremia.methods import contract

    return getattr(contract, name)
