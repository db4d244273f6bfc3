"""Describe a bundle as JSON where nothing but numpy and pandas can be imported.

Usage: python read_bundle.py FILE; runs on any Python with numpy and pandas 1.5 or later.
"""

import json
import pickle
import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from pathlib import Path

PANDAS = {"numpy", "pandas", "dateutil", "pytz", "six", "tzdata"}
BUILTINS = {"bool", "bytes", "complex", "dict", "float", "int", "list", "range", "slice", "str"}


class OnlyPandas(MetaPathFinder):
    """Refuses whatever is neither pandas, nor what it needs, nor in the standard library."""

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        standard = top in sys.stdlib_module_names or top.startswith("_sysconfigdata_")
        if not standard and top not in PANDAS:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)


class OnlyData(pickle.Unpickler):
    """Refuses objects that are neither builtin data nor made by numpy or pandas."""

    def find_class(self, module, name):
        harmless = module == "builtins" and name in BUILTINS
        if not harmless and module.partition(".")[0] not in ("numpy", "pandas"):
            raise pickle.UnpicklingError(f"the bundle needs {module}.{name}")
        return super().find_class(module, name)


def kinds(values):
    """Return the exact types of some values."""
    return sorted({f"{type(v).__module__}.{type(v).__name__}" for v in values})


def description(frame):
    """Return everything there is to know about a frame."""
    columns = {name: frame[name] for name in frame.columns}
    return {
        "columns": list(columns),
        "column_labels": [str(frame.columns.dtype), kinds(frame.columns)],
        "index": [type(frame.index).__name__, frame.index.name, str(frame.index.dtype)],
        "index_values": frame.index.tolist(),
        "dtypes": {name: str(column.dtype) for name, column in columns.items()},
        "text": {n: kinds(c.tolist()) for n, c in columns.items() if c.dtype == object},
        "values": {name: column.tolist() for name, column in columns.items()},
    }


def refused(module):
    try:
        import_module(module)
    except ModuleNotFoundError:
        return True
    return False


def main():
    sys.meta_path.insert(0, OnlyPandas())
    blocked = [module for module in ("truepremia", "pyarrow", "scipy") if refused(module)]
    with Path(sys.argv[1]).open("rb") as file:
        items = OnlyData(file).load()
    import pandas as pd

    frames = {key: item for key, item in items.items() if isinstance(item, pd.DataFrame)}
    report = {
        "pandas": pd.__version__,
        "blocked": blocked,
        "keys": list(items),
        "types": {key: kinds([item])[0] for key, item in items.items()},
        "frames": {key: description(frame) for key, frame in frames.items()},
        "rest": {key: item for key, item in items.items() if key not in frames},
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
