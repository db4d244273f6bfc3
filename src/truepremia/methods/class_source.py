"""What the source of an installed class says, read without importing it.

A configuration is checked by every command; importing scikit-learn for that would take longer than
the check. Only what the source shows without doubt is a fault: a base class or a name that cannot
be followed leaves the rest to the run.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_FOLLOWED = 20
"""Imports and base classes in a row that are followed."""


@dataclass(frozen=True)
class ClassSource:
    """What is known of a class from its source and that of its bases.

    Parameters
    ----------
    methods : frozenset of str
    arguments : frozenset of str, or None
        What the constructor takes; None if it takes anything or cannot be told.
    complete : bool
        Whether all bases were found.
    """

    methods: frozenset[str]
    arguments: frozenset[str] | None
    complete: bool


def class_faults(name: str, needed: tuple[str, ...], arguments: Mapping[str, object]) -> list[str]:
    """Return what is wrong with a class by its dotted name; nothing if its package is missing.

    Parameters
    ----------
    name : str
        Such as "sklearn.linear_model.Ridge".
    needed : tuple of str
        Methods that it must have.
    arguments : mapping
        Arguments that its constructor must take.
    """
    module, _, last = name.rpartition(".")
    if not module or not all(part.isidentifier() for part in name.split(".")):
        return [f"{name!r} is not the dotted name of a class, such as sklearn.linear_model.Ridge"]
    try:
        found = class_source(module, last)
    except LookupError as error:
        return [f"{name}: {error.args[0]}; correct the name"]
    if found is None:
        return []
    faults = []
    missing = [step for step in needed if step not in found.methods]
    if missing and found.complete:
        faults.append(f"{name}: has no {' and no '.join(missing)}; name a regressor")
    if found.arguments is not None:
        faults += [
            f"{name}: takes no argument {argument!r}; it takes {', '.join(sorted(found.arguments))}"
            for argument in arguments
            if argument not in found.arguments
        ]
    return faults


def class_source(module: str, name: str) -> ClassSource | None:
    """Return what the source says of a class, None if it cannot be told.

    Raises
    ------
    LookupError
        If the package is there, but not the module or the class.
    """
    definition = _definition(module, name, _FOLLOWED)
    return None if definition is None else _described(*definition, _FOLLOWED)


def _described(module: str, node: ast.ClassDef, left: int) -> ClassSource:
    functions = {f.name: f for f in node.body if isinstance(f, ast.FunctionDef)}
    methods, complete, arguments = set(functions), True, None
    told = "__init__" in functions
    if told:
        arguments = _arguments(functions["__init__"])
    for base in node.bases:
        found = _base(module, base, left - 1)
        if found is None:
            complete = complete and isinstance(base, ast.Name) and base.id == "object"
            told = told or not complete
            continue
        methods |= found.methods
        complete = complete and found.complete
        if not told and "__init__" in found.methods:
            arguments, told = found.arguments, True
    return ClassSource(frozenset(methods), arguments, complete)


def _base(module: str, base: ast.expr, left: int) -> ClassSource | None:
    if isinstance(base, ast.Subscript):
        base = base.value
    if left <= 0 or not isinstance(base, ast.Name):
        return None
    try:
        definition = _definition(module, base.id, left)
    except LookupError:
        return None
    return None if definition is None else _described(*definition, left)


def _arguments(function: ast.FunctionDef) -> frozenset[str] | None:
    taken = function.args
    if taken.kwarg is not None:
        return None
    return frozenset(a.arg for a in (*taken.args[1:], *taken.kwonlyargs))


def _definition(module: str, name: str, left: int) -> tuple[str, ast.ClassDef] | None:
    """Return the module that defines a class and its syntax, None if it cannot be told."""
    file = _file(module)
    if file is None or left <= 0:
        return None
    doubt = False
    for node in _statements(_tree(file).body):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    source = _absolute(module, file, node)
                    return _definition(source, alias.name, left - 1)
                doubt = doubt or alias.name == "*"
        doubt = doubt or (isinstance(node, ast.FunctionDef) and node.name == "__getattr__")
        doubt = doubt or (
            isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
        )
    if doubt:
        return None
    raise LookupError(f"there is no {name} in {module}")


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those under if, with and try as well."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from _statements(node.body)
            yield from _statements(getattr(node, "orelse", []))
            for handler in getattr(node, "handlers", []):
                yield from _statements(handler.body)


def _absolute(module: str, file: Path, node: ast.ImportFrom) -> str:
    parts = module.split(".")
    up = node.level - (file.name == "__init__.py")
    kept = parts[: len(parts) - up] if node.level else []
    return ".".join([*kept, *([node.module] if node.module else [])])


def _file(module: str) -> Path | None:
    """Return the source of a module, None if its package is missing or it has no source."""
    top, *rest = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin)
    for depth, part in enumerate(rest, start=1):
        folder = file.parent
        choices = (folder / part / "__init__.py", folder / f"{part}.py")
        found = next((choice for choice in choices if choice.is_file()), None)
        if file.name != "__init__.py" or (found is None and not list(folder.glob(f"{part}.*"))):
            raise LookupError(f"there is no module {'.'.join([top, *rest[:depth]])}")
        if found is None:
            return None
        file = found
    return file if file.suffix == ".py" else None


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))
