"""Factor methods, and what a method of your own is made of."""

from truepremia.methods.contract import Factors, Method, Portfolio, Setting

__all__ = ["Factors", "Method", "Portfolio", "Setting"]
