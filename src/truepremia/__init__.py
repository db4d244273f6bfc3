"""Judge factor models against economies whose true premia are known.

The names below are loaded on first use, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_HOME = {
    "FamaFrench": "truepremia.methods.fama_french",
    "FamaMacBeth": "truepremia.methods.fama_macbeth",
    "Judged": "truepremia.judgement.statistics",
    "ModelImplied": "truepremia.methods.model_implied",
    "Moments": "truepremia.moments",
    "Panel": "truepremia.panel",
    "Size": "truepremia.panel",
    "Streams": "truepremia.seeds",
    "economy": "truepremia.economies.registry",
    "factor_returns": "truepremia.methods.contract",
    "judge": "truepremia.workflow.laboratory",
    "Factors": "truepremia.methods.contract",
    "Portfolio": "truepremia.methods.contract",
    "Known": "truepremia.panel",
    "load_config_file": "truepremia.workflow.config",
    "model_premia": "truepremia.methods.model_implied",
    "portfolio_statistics": "truepremia.judgement.statistics",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
