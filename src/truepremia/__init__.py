"""Judge factor models against economies whose true premia are known.

The names below are loaded on first use, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from truepremia.economies.registry import economy as economy
    from truepremia.files.frames import Bundle as Bundle
    from truepremia.files.frames import Results as Results
    from truepremia.files.frames import read_bundle as read_bundle
    from truepremia.files.frames import read_results as read_results
    from truepremia.judgement.statistics import Judged as Judged
    from truepremia.judgement.statistics import portfolio_statistics as portfolio_statistics
    from truepremia.methods.contract import Factors as Factors
    from truepremia.methods.contract import Portfolio as Portfolio
    from truepremia.methods.contract import factor_returns as factor_returns
    from truepremia.methods.fama_french import FamaFrench as FamaFrench
    from truepremia.methods.fama_macbeth import FamaMacBeth as FamaMacBeth
    from truepremia.methods.model_implied import ModelImplied as ModelImplied
    from truepremia.methods.model_implied import model_premia as model_premia
    from truepremia.moments import Moments as Moments
    from truepremia.panel import Known as Known
    from truepremia.panel import Panel as Panel
    from truepremia.panel import Size as Size
    from truepremia.seeds import Streams as Streams
    from truepremia.workflow import plots as plots
    from truepremia.workflow.config import load_config_file as load_config_file
    from truepremia.workflow.laboratory import SimulatedPanel as SimulatedPanel
    from truepremia.workflow.laboratory import judge as judge
    from truepremia.workflow.laboratory import simulate as simulate

__version__ = "0.2.0"

_HOME = {
    "Bundle": "truepremia.files.frames",
    "economy": "truepremia.economies.registry",
    "factor_returns": "truepremia.methods.contract",
    "Factors": "truepremia.methods.contract",
    "FamaFrench": "truepremia.methods.fama_french",
    "FamaMacBeth": "truepremia.methods.fama_macbeth",
    "judge": "truepremia.workflow.laboratory",
    "Judged": "truepremia.judgement.statistics",
    "Known": "truepremia.panel",
    "load_config_file": "truepremia.workflow.config",
    "model_premia": "truepremia.methods.model_implied",
    "ModelImplied": "truepremia.methods.model_implied",
    "Moments": "truepremia.moments",
    "Panel": "truepremia.panel",
    "plots": "truepremia.workflow.plots",
    "Portfolio": "truepremia.methods.contract",
    "portfolio_statistics": "truepremia.judgement.statistics",
    "read_bundle": "truepremia.files.frames",
    "read_results": "truepremia.files.frames",
    "Results": "truepremia.files.frames",
    "simulate": "truepremia.workflow.laboratory",
    "SimulatedPanel": "truepremia.workflow.laboratory",
    "Size": "truepremia.panel",
    "Streams": "truepremia.seeds",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_HOME[name])
    return module if _HOME[name].endswith(f".{name}") else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
