import ast
import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from truepremia.files import provenance
from truepremia.files.provenance import (
    git_commit,
    library_versions,
    modules_behind,
    package_digest,
    processor,
    source_digest,
    stage_digest,
)
from truepremia.outside import file_digest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "truepremia").rglob("*.py"))

CODE = '''"""A module."""

RATE = 0.5


class Bond:
    """A bond."""

    def price(self, rate):
        """Price it."""
        return 1 / (1 + rate)
'''
SAME = {
    "a comment": CODE + "# A comment.\n",
    "a trailing comment": CODE.replace("0.5", "0.5  # per month"),
    "other words in docstrings": CODE.replace("A module.", "Other.").replace("Price", "Value"),
    "no docstrings": CODE.replace('"""A module."""', "").replace('"""Price it."""', ""),
    "other spaces": CODE.replace("\n\n", "\n\n\n").replace("1 / (1 + rate)", "1/( 1+rate )"),
    "other quotes": CODE.replace('"""A bond."""', "'A bond.'"),
}
DIFFERENT = {
    "another number": CODE.replace("0.5", "0.25"),
    "another type of number": CODE.replace("RATE = 0.5", "RATE = 1").replace("1 /", "1.0 /"),
    "another operator": CODE.replace("1 + rate", "1 - rate"),
    "another name": CODE.replace("price", "value"),
    "another statement": CODE + "PERIODS = 12\n",
    "another text that is used": CODE + 'NAME = "bond"\n',
}


def written(folder: Path, code: str) -> Path:
    file = folder / f"{hashlib.sha256(code.encode()).hexdigest()}.py"
    file.write_text(code)
    return file


# --- digests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("edit", SAME)
def test_digest_ignores_what_does_not_run(tmp_path, edit):
    assert SAME[edit] != CODE
    before, after = written(tmp_path, CODE), written(tmp_path, SAME[edit])
    assert source_digest([before]) == source_digest([after])


@pytest.mark.parametrize("edit", DIFFERENT)
def test_digest_sees_every_change_of_what_runs(tmp_path, edit):
    before, after = written(tmp_path, CODE), written(tmp_path, DIFFERENT[edit])
    assert source_digest([before]) != source_digest([after])


def test_digest_of_a_stage_covers_its_script_and_extra_modules(tmp_path):
    script = written(tmp_path, "from truepremia.seeds import Streams\n")
    other = written(tmp_path, "from truepremia.seeds import Streams\nprint(Streams)\n")
    assert stage_digest(script) == stage_digest(script)
    assert stage_digest(script) != stage_digest(other)
    assert stage_digest(script) != stage_digest(script, ["truepremia.portfolios"])


def test_digest_does_not_depend_on_where_the_file_lies(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    copies = [written(tmp_path / folder, CODE) for folder in ("one", "two")]
    assert source_digest(copies[:1]) == source_digest(copies[1:])


def test_digest_of_the_package_is_that_of_all_its_files():
    assert package_digest() == source_digest(SOURCES)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one module whose reading is kept beside its bytecode."""
    monkeypatch.setattr(provenance, "SOURCE", tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(provenance, "_how_it_is_read", lambda: b"as today")
    monkeypatch.setattr(provenance, "ENGINE_FOLDER", tmp_path / ".snakemake")
    (tmp_path / "seeds.py").write_text("from truepremia import seeds\n")
    return tmp_path


def digested_anew(folder: Path) -> str:
    """Return the digest of a package as a new process finds it."""
    provenance._read.cache_clear()
    return source_digest(sorted(folder.glob("*.py")))


def kept(folder: Path) -> Path:
    (file,) = (folder / "__pycache__").iterdir()
    return file


def test_what_was_read_of_a_module_is_kept_and_used(package):
    first = digested_anew(package)
    entry = json.loads(kept(package).read_text())
    assert entry["imports"] == [["truepremia", "seeds"]]
    assert modules_behind(package / "seeds.py") == ["truepremia.seeds"]
    kept(package).write_text(json.dumps(entry | {"skeleton": "0" * 64}))
    assert digested_anew(package) != first


def test_what_was_read_of_another_source_is_read_again(package, monkeypatch):
    first = digested_anew(package)
    (package / "seeds.py").write_text(CODE)
    second = digested_anew(package)
    assert second != first
    (package / "seeds.py").write_text(SAME["a comment"])
    assert digested_anew(package) == second
    entry = json.loads(kept(package).read_text())
    kept(package).write_text(json.dumps(entry | {"skeleton": "0" * 64}))
    monkeypatch.setattr(provenance, "_how_it_is_read", lambda: b"otherwise")
    assert digested_anew(package) == second


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"null", b'{"source": 1}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_damaged_record_of_what_was_read_changes_nothing(package, damage):
    first = digested_anew(package)
    kept(package).write_bytes(damage)
    assert digested_anew(package) == first
    assert json.loads(kept(package).read_text())["skeleton"]


@pytest.mark.parametrize("why", ["no bytecode is to be written", "the folder cannot be written"])
def test_what_was_read_need_not_be_kept(package, monkeypatch, why):
    first = digested_anew(package)
    kept(package).unlink()
    if why == "no bytecode is to be written":
        (package / "__pycache__").rmdir()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
    else:
        (package / "__pycache__").rmdir()
        (package / "__pycache__").write_text("not a folder")
    assert digested_anew(package) == first
    assert not (package / "__pycache__").is_dir()


@pytest.mark.parametrize("why", ["no bytecode is to be written", "the folder cannot be written"])
def test_what_was_read_is_kept_in_the_engines_folder(package, monkeypatch, why):
    monkeypatch.setattr(sys, "dont_write_bytecode", why == "no bytecode is to be written")
    (package / "__pycache__").write_text("not a folder")
    (package / ".snakemake").mkdir()
    first = digested_anew(package)
    file = package / ".snakemake" / "truepremia" / "seeds.read"
    entry = json.loads(file.read_text())
    assert digested_anew(package) == first
    file.write_text(json.dumps(entry | {"skeleton": "0" * 64}))
    assert digested_anew(package) != first
    (package / "seeds.py").write_text(CODE)
    assert digested_anew(package) == source_digest([package / "seeds.py"]) != first
    assert [one.name for one in file.parent.iterdir()] == ["seeds.read"]


def test_file_digest_is_the_sha256_of_the_bytes(tmp_path):
    (tmp_path / "t").write_bytes(b"truepremia")
    assert file_digest(tmp_path / "t") == hashlib.sha256(b"truepremia").hexdigest()


# --- modules -----------------------------------------------------------------------------------


def behind(folder: Path, code: str, *extra: str) -> set[str]:
    return set(modules_behind(written(folder, code), extra))


def test_modules_are_found_through_other_modules(tmp_path):
    found = behind(tmp_path, "from truepremia.files.formats import TableFile\n")
    ground = {f"truepremia.{name}" for name in ("columns", "errors", "outside", "typing")}
    assert found == {"truepremia.files.formats", *ground}


@pytest.mark.parametrize(
    "code",
    [
        "import truepremia.seeds\n",
        "from truepremia.seeds import Streams\n",
        "from truepremia import seeds\n",
        "def f():\n    from truepremia.seeds import Streams\n    return Streams\n",
        "if True:\n    import truepremia.seeds as s\n",
        "try:\n    import truepremia.seeds\nexcept ImportError:\n    pass\n",
    ],
)
def test_every_way_to_import_a_module_is_seen(tmp_path, code):
    assert behind(tmp_path, code) == {"truepremia.seeds"}


def test_imports_for_type_checkers_do_not_count(tmp_path):
    code = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from truepremia.seeds import Streams\n"
    )
    assert behind(tmp_path, code) == set()


def test_other_packages_do_not_count(tmp_path):
    assert behind(tmp_path, "import numpy\nfrom truepremiax.seeds import a\nimport json\n") == set()


def test_modules_loaded_by_name_are_added_with_theirs(tmp_path):
    found = behind(tmp_path, "", "truepremia.economies.bgn.simulation")
    assert {"truepremia.economies.bgn.simulation", "truepremia.economies.bgn.solution"} <= found
    assert "truepremia.economies.bgn.certificate" not in found


# The skeleton of an economy is copied elsewhere, where it is digested as a whole.
IMPORTED = [file for file in SOURCES if file.parent.name != "skeleton"]


@pytest.mark.parametrize("file", IMPORTED, ids=lambda f: str(f.relative_to(ROOT / "src")))
def test_package_imports_itself_by_full_names_which_is_what_the_digest_sees(file):
    imports = [n for n in ast.walk(ast.parse(file.read_bytes())) if isinstance(n, ast.ImportFrom)]
    assert not any(node.level for node in imports)
    assert not any(alias.name == "*" for node in imports for alias in node.names)


# --- versions ----------------------------------------------------------------------------------


def test_versions_are_those_of_this_environment():
    versions = library_versions()
    assert versions.pop("python") == platform.python_version()
    assert set(versions) >= {"truepremia", "numpy", "pandas", "pyarrow", "scipy", "snakemake"}
    assert versions == {name: version(name) for name in versions}


def test_commit_is_that_of_the_checkout(tmp_path, monkeypatch):
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    monkeypatch.setattr(provenance, "SOURCE", tmp_path)
    assert git_commit() == head.stdout.strip()


def test_commit_is_unknown_outside_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(provenance, "SOURCE", tmp_path)
    assert git_commit() is None


def test_commit_is_unknown_without_git(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit() is None


def processor_under(**variables):
    """Return what a new Python says of the processor under some variables."""
    code = "import json; from truepremia.files.provenance import processor as p; "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print(json.dumps(p()))"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_processor_names_the_kernel_that_runs_and_not_that_of_the_build():
    here = processor()
    assert here["machine"] == platform.machine()
    expected = "unknown" if here["blas_kernel"] == "unknown" else "Nehalem"
    if platform.machine() == "x86_64":
        assert processor_under(OPENBLAS_CORETYPE="Nehalem")["blas_kernel"] == expected


def test_the_processor_names_what_numpy_computes_with():
    assert processor_under() == processor()
    assert processor()["vendor"]
    if processor_under(NPY_DISABLE_CPU_FEATURES="")["numpy_kernel"] == "X86_V4":
        assert processor_under(NPY_DISABLE_CPU_FEATURES="X86_V4")["numpy_kernel"] == "X86_V3"


def test_numpy_has_no_choice_where_it_lists_none(monkeypatch):
    monkeypatch.setattr(provenance, "opt_func_info", lambda **asked: {})
    assert processor()["numpy_kernel"] == "baseline"


@pytest.mark.parametrize(
    ("named", "said"), [(("glibc", "2.43"), "glibc 2.43"), (("", ""), "unknown")]
)
def test_another_c_library_is_another_processor(monkeypatch, named, said):
    here = processor()
    monkeypatch.setattr("platform.libc_ver", lambda: named)
    assert processor() == here | {"c_library": said}
