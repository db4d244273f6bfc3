"""The house as it is drawn in docs/architecture.md: nothing imports upward, and no circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "truepremia"

FLOORS = (
    ("typing", "errors", "columns", "seeds", "syntax", "parallel", "outside"),
    ("panel", "moments", "portfolios"),
    ("economies", "methods"),
    ("judgement",),
    ("files",),
    ("plotting",),
    ("tidy",),
    ("report",),
    ("workflow",),
    ("commands",),
)
"""From the ground up. A module imports from floors below its own and from its own wing; on the two
lowest floors, which hold modules and no wings, from the modules beside it."""

MODULES = sorted(SOURCE.rglob("*.py"))


def wing(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def name_of(file: Path) -> str:
    parts = ("truepremia", *file.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


def imported(file: Path, for_types: bool = True) -> set[str]:
    """Return the modules of the package that a file names, wherever in the file it does."""
    found = set()
    tree = ast.parse(file.read_text())
    skipped: set[ast.AST] = set()
    if not for_types:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                skipped |= set(ast.walk(node))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.split(".")[0] == "truepremia"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("truepremia"):
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            known = {name_of(m) for m in MODULES}
            found |= (whole & known) or {str(node.module)}
    return found


LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_nothing_imports_upward(file):
    own = wing(name_of(file))
    if not own or own == "__main__":
        return  # the faces of the package, which hand names on
    assert own in LEVEL, f"{own} stands on no floor of the house"
    for module in imported(file):
        other = wing(module)
        if not other:
            continue
        beside = other == own or LEVEL[own] == LEVEL[other] <= 1
        assert beside or LEVEL[other] < LEVEL[own], f"{name_of(file)} imports {module}"


def test_there_is_no_circle():
    graph = {name_of(file): imported(file, for_types=False) for file in MODULES}
    TopologicalSorter(graph).prepare()


def test_every_floor_has_its_rooms():
    there = {p.stem for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert there - {"__init__", "__main__"} == set(LEVEL)


def test_registries_only_list():
    """Nothing may learn of the other entries of a registry, or one more would rerun everything."""
    for registry in SOURCE.rglob("registry.py"):
        assert not any(
            isinstance(node, ast.ImportFrom) and "numpy" in str(node.module)
            for node in ast.walk(ast.parse(registry.read_text()))
        )
