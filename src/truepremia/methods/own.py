"""A user's own method: found and checked without being imported, digested, loaded afresh.

The process that checks a configuration looks at the syntax tree alone. A job loads the file under
a fresh name, with the file's folder first on the import path, and drops it and the local files that
it imported when it is done: nothing survives into another panel.
"""

import ast
import contextlib
import hashlib
import sys
from collections.abc import Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from typing import Any

from truepremia.errors import DataError, MethodError
from truepremia.outside import as_before, is_file, read_bytes, words_of
from truepremia.syntax import skeleton

_NUMBERS = count()


def faults(file: Path, name: str) -> list[str]:
    """Return what is wrong with the class ``name`` of ``file``, judged by its syntax tree."""
    try:
        tree = ast.parse(read_bytes(file))
    except DataError as error:
        return [str(error)]
    except SyntaxError as error:
        line = "" if error.lineno is None else f"line {error.lineno}: "
        return [f"{file}: {line}not Python: {error.msg}; correct the file"]
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, nested too deep
        return [f"{file}: not Python: {error}; correct the file"]
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    if name not in classes:
        if name in imported:
            return []
        known = ", ".join(classes) or "none"
        return [f"{file}: there is no class {name}; its classes: {known}"]
    chosen = classes[name]
    made = {node.name for node in chosen.body if isinstance(node, ast.FunctionDef)}
    if not made & {"form", "weights"} and not chosen.bases:
        return [
            f"{file}: class {name} has neither form nor weights; add form(self, known), which "
            "yields truepremia.methods.Factors"
        ]
    return []


def declares_truth(file: Path, name: str) -> bool:
    """Return whether the class ``name`` of ``file`` says that it uses the truth: truth = True.

    Its body says so, or that of a class of the same file that it comes from.
    """
    try:
        tree = ast.parse(read_bytes(file))
    except (DataError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return _says_truth(name, classes)


def _says_truth(name: str, classes: Mapping[str, ast.ClassDef]) -> bool:
    """Return whether a class has truth = True, of its own or from a class of the same file."""
    if name not in classes:
        return False
    others = {key: node for key, node in classes.items() if key != name}
    chosen, said = classes[name], None
    for node in chosen.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "truth" for t in targets):
                said = isinstance(node.value, ast.Constant) and node.value.value is True
    if said is not None:
        return said
    bases = [base.id for base in chosen.bases if isinstance(base, ast.Name)]
    return any(_says_truth(base, others) for base in bases)


def require_declared(method: object, file: Path, name: str) -> None:
    """Refuse a method that uses the truth where its file does not say so, which tables read.

    Raises
    ------
    MethodError
        If the object and the body of its class, or of a class of the file that it comes from,
        disagree.
    """
    # As contract.uses_truth, whose module would join the digest of every stage that lists methods.
    if getattr(method, "truth", False) and not declares_truth(file, name):
        raise MethodError(
            f"{file}: {name} uses the truth without saying so where tables can read it: write "
            "truth = True into the body of a class of that name in that file"
        )


def digest(file: Path) -> str:
    """Return the digest of a method's code: its file and the local files that it imports.

    Comments and docstrings do not count, so that editing them reruns nothing.
    """
    total = hashlib.sha256()
    for source in local_files(file):
        total.update(str(source.relative_to(file.parent)).encode())
        total.update(skeleton(ast.parse(source.read_bytes())).encode())
    return total.hexdigest()


def local_files(file: Path) -> list[Path]:
    """Return ``file`` and the Python files of its folder that it imports, transitively."""
    folder, found, queue = file.parent, [], [file]
    while queue:
        source = queue.pop(0)
        if source in found or not is_file(source):
            continue
        found.append(source)
        with contextlib.suppress(SyntaxError, ValueError):
            for module in _imported(ast.parse(source.read_bytes()), source, folder):
                queue += _files_of(folder, module)
    return [found[0], *sorted(found[1:])] if found else []


def _imported(tree: ast.AST, source: Path, folder: Path) -> Iterator[str]:
    """Yield the names of modules that a file imports, relative ones as seen from ``folder``."""
    package = ".".join(source.parent.relative_to(folder).parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if package and node.level else []
            parts = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            if base:
                yield base
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)


def _files_of(folder: Path, module: str) -> list[Path]:
    """Return the local files behind an import, those of the packages around it included."""
    parts, files = module.split("."), []
    for depth in range(1, len(parts) + 1):
        stem = folder.joinpath(*parts[:depth])
        files += [f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()]
    return files


@contextlib.contextmanager
def loaded(file: Path, name: str) -> Iterator[Any]:
    """Load a file afresh and yield its class ``name``; nothing of it stays behind.

    Raises
    ------
    MethodError
        If the file raises while it is loaded, or has no such class.
    """
    folder = str(file.resolve().parent)
    local = {str(source.resolve()) for source in local_files(file.resolve())}
    fresh = f"truepremia_own_method_{next(_NUMBERS)}"
    _forget(local)
    sys.path.insert(0, folder)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec = spec_from_file_location(fresh, file)
        if spec is None or spec.loader is None:
            raise MethodError(f"{file}: not a Python file; name it with the ending .py")
        module = module_from_spec(spec)
        sys.modules[fresh] = module
        try:
            with as_before():
                spec.loader.exec_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise MethodError(
                f"{file}: loading it raised {words_of(error)}; mend the file"
            ) from error
        if not hasattr(module, name):
            raise MethodError(f"{file}: there is no class {name}")
        yield getattr(module, name)
    finally:
        sys.dont_write_bytecode = written
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
        sys.modules.pop(fresh, None)
        _forget(local)


def _forget(files: set[str]) -> None:
    """Drop the modules that came from ``files``."""
    for module_name, module in list(sys.modules.items()):
        place = getattr(module, "__file__", None)
        if place and module_name != "__main__" and str(Path(place).resolve()) in files:
            del sys.modules[module_name]


def build(made_by: Any, options: Mapping[str, Any], said: str) -> Any:
    """Return an object of a user's class.

    Raises
    ------
    MethodError
        If its constructor does not take the options, or raises.
    """
    try:
        with as_before():
            return made_by(**options)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit in a constructor is one
        kind, _, words = words_of(error).partition(": ")
        raise MethodError(
            f"{said}: {kind} when it was made with the options {dict(options)}"
            f"{': ' + words if words else ''}"
        ) from error
