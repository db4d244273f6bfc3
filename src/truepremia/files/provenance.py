"""What code made a result: digests of the modules behind a stage, and versions.

A stage's digest covers the syntax trees of its script and of every module of this package that
they import, without comments and docstrings: editing those reruns nothing, editing one stage's
code reruns from that stage.
"""

import ast
import contextlib
import ctypes
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path

from numpy.lib.introspect import opt_func_info

from truepremia.syntax import skeleton

PACKAGE = "truepremia"
SOURCE = Path(__file__).resolve().parents[1]

WORKFLOW = SOURCE / "_workflow"
"""Where an installed package has the workflow's scripts; a checkout has them beside the package."""

ENGINE_FOLDER = Path(".snakemake")
"""What the engine makes where it works; without a run there is none."""

LISTS = ("__init__.py", "registry.py")
"""Files that describe and list, and so change no result."""

LIBRARIES = ("numpy", "pandas", "pyarrow", "scipy", "snakemake")


def source_digest(files: Iterable[Path]) -> str:
    """Return the sha256 over the syntax trees of ``files``, in their order."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(_read(file).skeleton.encode())
    return digest.hexdigest()


def folder_digest(folder: Path) -> str:
    """Return the sha256 over all files of a package of somebody's own, data among them.

    Of Python files the syntax trees count, of others names and bytes; hidden files and what Python
    itself writes do not.
    """
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        parts = file.relative_to(folder).parts
        if any(part.startswith(".") or part == "__pycache__" for part in parts):
            continue
        digest.update("/".join(parts).encode())
        python = file.suffix == ".py"
        digest.update(_read(file).skeleton.encode() if python else file.read_bytes())
    return digest.hexdigest()


def modules_behind(script: Path, extra_modules: Iterable[str] = ()) -> list[str]:
    """Return the package's modules that ``script`` and ``extra_modules`` import, transitively.

    Parameters
    ----------
    script : path
        A Python file.
    extra_modules : iterable of str
        Modules that are imported by name at run time.

    Returns
    -------
    list of str
        Full module names in alphabetical order. The package's ``__init__`` files and its
        registries only describe and list; they are left out, so that a new entry reruns nothing.
    """
    found: set[str] = set()
    queue = [*_imports(script), *extra_modules]
    while queue:
        module = queue.pop()
        if module not in found and _file(module).name not in LISTS:
            found.add(module)
            queue += _imports(_file(module))
    return sorted(found)


def stage_digest(script: Path, extra_modules: Iterable[str] = ()) -> str:
    """Return the digest of a stage: its script and all modules behind it."""
    modules = modules_behind(script, extra_modules)
    return source_digest([script, *map(_file, modules)])


def package_digest() -> str:
    """Return the digest of the whole package, the same in a checkout and installed."""
    files = (file for file in SOURCE.rglob("*.py") if WORKFLOW not in file.parents)
    return source_digest(sorted(files))


def library_versions() -> dict[str, str]:
    """Return the versions of Python, this package and the libraries it computes with."""
    libraries = {name: version(name) for name in (PACKAGE, *LIBRARIES)}
    return {"python": platform.python_version(), **libraries}


def processor() -> dict[str, str]:
    """Return the kind of machine and what computes on it, which decide the last bits of results.

    Returns
    -------
    dict
        ``machine``, as "x86_64"; ``vendor``, as "GenuineIntel", since makers may answer differently
        to instructions that approximate; ``blas_kernel``, as "Haswell", the set of routines that
        OpenBLAS chose for this processor or that OPENBLAS_CORETYPE names, "unknown" with another
        BLAS; ``numpy_kernel``, as "X86_V4", the instructions of numpy's exponential, the newest
        that the processor has and NPY_DISABLE_CPU_FEATURES leaves, "baseline" if there
        is no choice; ``c_library``, as "glibc 2.36", whose functions Python's ``math`` answers
        with, "unknown" where it does not name itself.
    """
    return {
        "machine": platform.machine(),
        "vendor": _vendor(),
        "blas_kernel": _openblas_kernel() or "unknown",
        "numpy_kernel": _numpy_kernel(),
        "c_library": " ".join(platform.libc_ver()).strip() or "unknown",
    }


def _vendor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("vendor_id", "CPU implementer"):
                return value.strip()
    return platform.processor() or "unknown"


def _numpy_kernel() -> str:
    # numpy lists no function that has one version only on this kind of machine.
    exponential = opt_func_info(func_name="^exp$", signature="float64").get("exp", {})
    return next((str(loop["current"]) for loop in exponential.values()), "baseline")


def _openblas_kernel() -> str | None:
    # Not numpy.show_config(): it tells what the wheel was built on, not what runs.
    from numpy.linalg import _umath_linalg

    library = ctypes.CDLL(_umath_linalg.__file__)
    for name in _CORE_NAMES:
        with contextlib.suppress(AttributeError):
            ask = getattr(library, name)
            ask.restype = ctypes.c_char_p
            return str(ask().decode())
    return None


_CORE_NAMES = tuple(
    f"{prefix}openblas_get_corename{suffix}"
    for prefix in ("scipy_", "")
    for suffix in ("64_", "_64", "")
)
"""Names under which builds of OpenBLAS tell the processor that they run on."""


def git_commit() -> str | None:
    """Return the commit of the checkout that the package runs from, None outside of one."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        # A GIT_DIR of the surroundings would name the commit of another repository.
        own = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        done = subprocess.run(
            command, cwd=SOURCE, env=own, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


@dataclass(frozen=True)
class _Read:
    """What is read off the syntax tree of a file.

    Parameters
    ----------
    skeleton : str
        The sha256 of what it does.
    imports : tuple of (str, str or None)
        Modules of this package that it imports when it runs, with the name taken from each.
    """

    skeleton: str
    imports: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, source: bytes) -> "_Read":
        tree = ast.parse(source)
        imports = tuple(_walk(tree))
        return cls(hashlib.sha256(skeleton(tree).encode()).hexdigest(), imports)


@cache
def _read(file: Path) -> _Read:
    """Return what :class:`_Read` holds of ``file``, from where it was kept if it is known.

    Parsing the package takes a second, and every start of the workflow and every bundle asks. As
    with bytecode nothing depends on what is kept: it names the source that it was read from.
    """
    source = file.read_bytes()
    places = _places(file)
    key = hashlib.sha256(_how_it_is_read() + source).hexdigest()
    for place in places:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            known = json.loads(place.read_bytes())
            if known["source"] == key:
                return _Read(known["skeleton"], tuple((m, n) for m, n in known["imports"]))
    found = _Read.of(source)
    for place in places:
        with contextlib.suppress(OSError):
            place.parent.mkdir(exist_ok=True)
            new = place.with_name(f"{place.name}.{os.getpid()}")
            new.write_text(json.dumps({"source": key, **asdict(found)}), encoding="utf-8")
            new.replace(place)
            break
    return found


def _places(file: Path) -> list[Path]:
    """Return where what is read of a module of this package may be kept, the best first.

    Beside its bytecode; where that is not to be written or cannot be, as in many containers and
    installed packages, in the folder that the engine has where it works.
    """
    places: list[Path] = []
    if file.is_relative_to(SOURCE):
        if not sys.dont_write_bytecode:
            with contextlib.suppress(NotImplementedError):
                places.append(Path(cache_from_source(str(file))).with_suffix(".read"))
        name = ".".join(file.relative_to(SOURCE).with_suffix("").parts)
        places.append(ENGINE_FOLDER / PACKAGE / f"{name}.read")
    return places


@cache
def _how_it_is_read() -> bytes:
    return b"".join(file.read_bytes() for file in (Path(__file__), SOURCE / "syntax.py"))


def _imports(file: Path) -> list[str]:
    """Return the package's modules that ``file`` imports when it runs."""
    imports = _read(file).imports
    return [f"{m}.{n}" if n is not None and _exists(f"{m}.{n}") else m for m, n in imports]


def _walk(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module is not None and _is_ours(node.module):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if _is_ours(alias.name))
        else:
            yield from _walk(node)


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def _file(module: str) -> Path:
    path = SOURCE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _exists(module: str) -> bool:
    return _file(module).exists()
