"""The run configuration, checked in full before any work.

The form of ``config/config.yaml`` and of the calibrations stands in ``config/schemas``; the rules
that tie keys together, or need the registry of economies or the disk, stand here. Whatever is
wrong is reported at once, in one line with the value, the rule and the remedy of each fault.
"""

import json
import math
import os
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from truepremia.economies.own import own_economy, use_own
from truepremia.economies.registry import ECONOMIES, SHIPPED
from truepremia.errors import ConfigError, TruepremiaError
from truepremia.files.results import PARTS_OF_RESULTS
from truepremia.methods.entry import (
    Entry,
    entries,
    entry_faults,
    found,
    headline_faults,
    switched_on,
)
from truepremia.methods.registry import BUNDLED
from truepremia.outside import is_file, words_of
from truepremia.panel import Size
from truepremia.tidy.settings import OF_A_STORE, UNSAFE, TidyConfig, tidy_config, tidy_faults
from truepremia.workflow.documents import first_twice, plain, read_yaml, unique_items

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_CONFIG_FILE = Path("config/config.yaml")
_CONFIG_SCHEMA = Path("config/schemas/config.schema.yaml")
_CALIBRATION_SCHEMA = Path("config/schemas/calibration.schema.yaml")
_SHOWN_CHARACTERS = 60
_SHOWN_FAULTS, _SHOWN_LENGTH = 12, 2_500
_LONGEST_NAME, _LONGEST_PATH = 200, 3_000
_NUMBERS_AS_TEXT = (
    "a number in quotes is text, so is 1e-4 (write 1.0e-4), and so is every number inside a list "
    "or mapping given by --config (put it in a file and use --configfile)"
)
_TRUTH_VALUES = ("true", "false", "yes", "no", "on", "off")
_TRUTH_AS_TEXT = (
    "after --config of snakemake write True or False, or put it in a file without quotes"
)
_ONE_WORD = "YAML reads {} as one word: write a space after the colon, in a file for --configfile"


@dataclass(frozen=True)
class RunConfig:
    """A checked configuration in its normal form: equal runs have equal configurations.

    Parameters
    ----------
    seed : int
        Root of all random streams.
    panels : mapping of str to tuple of int
        Ascending panel indices of each economy that has any, economies in registry order.
    size : Size
        Firms, months and burn-in of every panel.
    undefined_growth : {"zero", "nan"}
        Value of characteristics that divide by a lagged book value of zero.
    window : int
        Months of past returns behind the portfolio weights of a month.
    alphas : tuple of float
        Ridge penalties, ascending.
    empty_cells : {"balanced", "zero"}
        What an empty cell does to a Fama-French spread.
    model_factor_weights : {"ols", "value"}
        Weights of the regressions that give the model premia.
    calibrations : mapping of str to mapping of str to number or str
        Parameter values of every economy with a calibration file, in registry order.
    calibration_files : mapping of str to Path
        The files that the values were read from.
    results_dir : str
        Folder of the results, with forward slashes, none at the end.
    keep_panels : bool
        Whether the large tables of a panel stay once no job of the run needs them.
    tidy : TidyConfig
        Stores of the empirical track.
    methods : mapping of str to Entry
        Methods to judge, in the order of the configuration.
    reference : str
        Method that the others are compared with, panel by panel.
    headline : mapping of str to str
        Variant of a method that stands for it, where it is not its last one.
    real_panels : mapping of str to Path
        Panels of real stocks, by name, and the files that hold them.
    own_economies : mapping of str to Path
        Packages of economies outside of the repository, by name.
    switched_off : tuple of str
        Economies whose panels are 0 or [].
    """

    seed: int
    panels: Mapping[str, tuple[int, ...]]
    size: Size
    undefined_growth: Literal["zero", "nan"]
    window: int
    alphas: tuple[float, ...]
    empty_cells: Literal["balanced", "zero"]
    model_factor_weights: Literal["ols", "value"]
    calibrations: Mapping[str, Mapping[str, float | str]]
    calibration_files: Mapping[str, Path]
    results_dir: str
    keep_panels: bool
    tidy: TidyConfig
    methods: Mapping[str, Entry] = field(default_factory=dict)
    reference: str = ""
    headline: Mapping[str, str] = field(default_factory=dict)
    real_panels: Mapping[str, Path] = field(default_factory=dict)
    own_economies: Mapping[str, Path] = field(default_factory=dict)
    switched_off: tuple[str, ...] = ()

    def reported(self) -> list[Entry]:
        """Return the methods that the report lists beside those of the bundle."""
        return [e for e in self.methods.values() if e.reported and e.name not in BUNDLED]

    def methods_of(self, model: str) -> list[str]:
        """Return the methods that panels of an economy can be judged by."""
        loadings = ECONOMIES[model].loadings
        return [
            name
            for name, entry in self.methods.items()
            if entry.options.get("loading", loadings[0]) in loadings or not entry.truth
        ]

    def panel_ids(self) -> list[str]:
        """Return the names of the panels to build, such as "bgn_0", in order."""
        return [f"{model}_{index}" for model, indices in self.panels.items() for index in indices]


def load_config_file(path: str | Path, root: str | Path | None = None) -> RunConfig:
    """Read a configuration file as ``snakemake --configfile path`` does.

    Keys that the file leaves out keep their value from ``config/config.yaml`` of the repository.

    Parameters
    ----------
    path : str or Path
        YAML file.
    root : str or Path, optional
        The repository folder; found from ``path`` when the file lies inside it.

    Returns
    -------
    RunConfig

    Raises
    ------
    ConfigError
        If a file cannot be read or the configuration breaks a rule.
    """
    path = Path(path)
    root = _repository_of(path) if root is None else Path(root)
    return load_overlay(_mapping(read_yaml(path), path), root)


def load_overlay(overlay: Mapping[str, Any], root: str | Path) -> RunConfig:
    """Check a configuration that may leave keys at their default.

    Raises
    ------
    ConfigError
        As :func:`load_config`.
    """
    base = read_yaml(Path(root) / _CONFIG_FILE)
    return load_config(_merged(base, plain(overlay)), root)


def load_config(mapping: Mapping[str, Any], root: str | Path) -> RunConfig:
    """Check a complete configuration and give it its types.

    Nothing is created on disk. Whether ``results_dir`` can be written is judged from the present
    working directory, like the paths of Snakemake.

    Parameters
    ----------
    mapping : mapping
        Keys and values of ``config/config.yaml``.
    root : str or Path
        The repository folder: holds the schemas. Relative files start at the working folder, or
        else there.

    Returns
    -------
    RunConfig

    Raises
    ------
    ConfigError
        Naming every fault: unknown, missing and mistyped keys, values out of range, keys that
        contradict each other, calibrations that cannot be read or break their economy's rules.
    """
    root = Path(root)
    config = plain(mapping)
    faults = _schema_faults(config, root / _CONFIG_SCHEMA)
    faulty = {key for key, _ in faults}
    sound = {key: value for key, value in config.items() if key not in faulty}
    own, own_faults = _own_economies(config, (Path.cwd(), root))
    files = _calibration_files(config, root)
    calibrations, calibration_faults = _calibrations(files, root / _CALIBRATION_SCHEMA)

    phrases = [
        *(phrase for _, phrase in faults),
        *own_faults,
        *_unknown_economies(config),
        *_panel_faults(config),
        *_window_faults(sound),
        *_penalty_faults(sound),
        *_method_faults(sound, (Path.cwd(), root)),
        *_real_panel_faults(config, (Path.cwd(), root)),
        *_results_faults(sound),
        *(tidy_faults(sound["tidy"], root, list(files)) if "tidy" in sound else ()),
        *calibration_faults,
    ]
    if phrases:
        raise ConfigError(_joined(dict.fromkeys(phrases)))
    return replace(_typed(sound, calibrations, files, root), own_economies=own)


def _joined(phrases: Iterable[str]) -> str:
    """Return a readable number of faults in one line, and how many more there are."""
    phrases = list(phrases)
    shown: list[str] = []
    for phrase in phrases[:_SHOWN_FAULTS]:
        if shown and sum(map(len, shown)) + len(phrase) > _SHOWN_LENGTH:
            break
        shown.append(phrase)
    further = len(phrases) - len(shown)
    if further:
        shown.append(f"and {further:,} further faults")
    return "; ".join(shown)


def _repository_of(path: Path) -> Path:
    for folder in path.resolve().parents:
        if (folder / _CONFIG_SCHEMA).is_file():
            return folder
    raise ConfigError(
        f"{path}: does not lie in a truepremia repository; pass root=, the folder of the Snakefile"
    )


def _mapping(content: Any, path: Path) -> Mapping[str, Any]:
    if isinstance(content, Mapping):
        return content
    raise ConfigError(
        f"{path}: content is {_shown(content)}: must be a mapping of keys to values, "
        "for example firms: 1000"
    )


def _merged(base: Any, overlay: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base) if isinstance(base, Mapping) else {}
    for key, value in overlay.items():
        merged[key] = _merged(merged.get(key), value) if isinstance(value, Mapping) else value
    return merged


def _schema_faults(document: Any, schema_file: Path) -> list[tuple[str, str]]:
    """Return (top-level key, phrase) for everything in ``document`` that the schema refuses."""
    from jsonschema import Draft202012Validator, validators  # slow, and many commands do without

    extend: Any = validators.extend
    linear = extend(Draft202012Validator, {"uniqueItems": unique_items})
    found: dict[tuple[str, str], None] = {}
    for count, error in enumerate(linear(read_yaml(schema_file)).iter_errors(document)):
        key = str((*error.absolute_path, "")[0])
        if count < _SHOWN_FAULTS:
            found |= dict.fromkeys((key, phrase) for phrase in _phrases(error))
        else:  # counted, not worded
            found[key, _path_name(error.absolute_path)] = None
    return list(found)


def _phrases(error: "ValidationError") -> Iterator[str]:
    """Say what is wrong, once for each key that is."""
    value: Any = error.instance
    schema: Any = error.schema
    name = _path_name(error.absolute_path)
    where = f" in {name}" if name else ""
    if error.validator == "required":
        missing = (key for key in schema["required"] if key not in value)
        yield from (f"key {key!r} is missing{where}: add it" for key in missing)
    elif error.validator == "additionalProperties" and "properties" in schema:
        known = schema["properties"]
        unknown = [key for key in value if key not in known]
        for key in unknown[:_SHOWN_FAULTS]:
            yield f"unknown key {_cut(repr(key))}{where}{_suggestion(key, known)}"
        yield from (f"unknown key {key!r}" for key in unknown[_SHOWN_FAULTS:])
    elif error.validator == "uniqueItems":
        twice = _cut(str(first_twice(value)))
        yield f"{name} is {_shown(value)}: lists {twice} twice; list every value once"
    else:
        yield f"{name or 'content'} is {_shown(value)}: must be {schema['description']}"
        if _is_number_as_text(value):
            yield _NUMBERS_AS_TEXT
        elif schema.get("type") == "boolean" and str(value).lower() in _TRUTH_VALUES:
            yield _TRUTH_AS_TEXT
        key = str(("", *error.absolute_path)[-1])
        if value in ("", None) and ":" in key:
            yield _ONE_WORD.format(_cut(repr(key)))


def _path_name(path: Iterable[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def _shown(value: Any) -> str:
    return _cut(json.dumps(value, default=str, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def _suggestion(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = get_close_matches(name.lower()[:_SHOWN_CHARACTERS], known, n=1)
    return f": did you mean {close[0]!r}?" if close else f": must be one of {', '.join(known)}"


def _is_number_as_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def _section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = config.get(key)
    return section if isinstance(section, Mapping) else {}


def _own_economies(
    config: Mapping[str, Any], folders: Sequence[Path]
) -> tuple[dict[str, Path], list[str]]:
    """Add the economies of the configuration's own packages to the registry."""
    packages, faults = {}, []
    for name, value in _section(config, "economies").items():
        if isinstance(value, Mapping) and isinstance(value.get("package"), str):
            folder = found(value["package"], folders)
            try:
                own_economy(name, folder)
                packages[name] = folder
            except ConfigError as error:
                faults.append(str(error))
    use_own(packages)
    return packages, faults


def _unknown_economies(config: Mapping[str, Any]) -> Iterator[str]:
    for key in ("panels", "economies"):
        for name, value in _section(config, key).items():
            if name not in ECONOMIES and not isinstance(value, Mapping):  # a package, or real
                yield f"unknown economy {name!r} in {key}{_suggestion(name, ECONOMIES)}"


def _panel_faults(config: Mapping[str, Any]) -> Iterator[str]:
    panels, calibrated = config.get("panels"), config.get("economies")
    wanted = [name for name, indices in _section(config, "panels").items() if indices]
    stores = _section(_section(config, "tidy"), "stores").values()
    own_store = any(isinstance(store, Mapping) and "path" in store for store in stores)
    if isinstance(panels, Mapping) and not wanted and not own_store:
        yield (
            f"panels is {_shown(panels)}: there is nothing to build; ask for at least one panel, "
            "for example panels: {bgn: 1}"
        )
    for name in wanted:
        if name in ECONOMIES and isinstance(calibrated, Mapping) and name not in calibrated:
            yield (
                f"panels asks for {name}, but economies has no calibration of it: add for example "
                f"economies: {{{name}: config/economies/{name}.yaml}}"
            )


def _window_faults(sound: Mapping[str, Any]) -> Iterator[str]:
    if "months" in sound and "window" in sound and sound["months"] <= sound["window"]:
        yield (
            f"months is {sound['months']}, window is {sound['window']}: statistics impossible: "
            f"months must be at least window + 1 = {sound['window'] + 1}; "
            "raise months or lower window"
        )


def _penalty_faults(sound: Mapping[str, Any]) -> Iterator[str]:
    """Refuse penalties that are different numbers and one in double precision."""
    penalties = [float(penalty) for penalty in sound.get("alphas", ())]
    twice = first_twice(penalties)
    if twice is not None:
        yield f"alphas lists {twice} twice, in double precision; list every penalty once"


def _method_faults(sound: Mapping[str, Any], folders: Sequence[Path]) -> Iterator[str]:
    methods = sound.get("methods")
    if methods is None:
        return
    facts = {
        "months": sound.get("months", sys.maxsize),
        "window": sound.get("window", 2),
        "characteristics": {
            name: ECONOMIES[name].characteristics
            for name, indices in _section(sound, "panels").items()
            if indices and name in ECONOMIES
        },
    }
    wrong = list(entry_faults(methods, folders, facts))
    yield from wrong
    board = sound.get("leaderboard", {})
    on = switched_on(methods)
    if on and board and board["reference"] not in on:
        yield (
            f"leaderboard.reference is {board['reference']}: must be one of the methods that are "
            f"switched on, {', '.join(on)}"
        )
    for name in board.get("headline", {}):
        if name not in methods:
            yield f"leaderboard.headline names {name!r}{_suggestion(name, methods)}"
    if not wrong:
        yield from headline_faults(board.get("headline", {}), methods)


def _real_panel_faults(config: Mapping[str, Any], folders: Sequence[Path]) -> Iterator[str]:
    for name, panel in _section(config, "panels").items():
        if not isinstance(panel, Mapping) or "file" not in panel:
            continue
        file = found(str(panel["file"]), folders)
        if name in ECONOMIES:
            yield f"panels.{name}: {name} is an economy; give a panel of real stocks another name"
        elif UNSAFE & set(str(file)):
            yield f"panels.{name}.file is {file}: none of {{}}[]*? may be in the path; rename it"
        elif not is_file(file):
            yield f"panels.{name}.file is {file}: there is no such file; correct the path"


def _results_faults(sound: Mapping[str, Any]) -> Iterator[str]:
    if "results_dir" not in sound:
        return
    names = sound["results_dir"].split("/")
    if len(sound["results_dir"]) > _LONGEST_PATH or max(map(len, names)) > _LONGEST_NAME:
        yield (
            f"results_dir is {_shown(sound['results_dir'])}: a name in it may have "
            f"{_LONGEST_NAME} characters, all of it {_LONGEST_PATH:,}; choose for example results"
        )
        return
    said = f"results_dir is {_shown(sound['results_dir'])}"
    here, target = Path.cwd(), Path.cwd() / _normal_path(sound["results_dir"])
    # Of what exists: a link counts, wherever it leads.
    nearest = next(path for path in (target, *target.parents) if os.path.lexists(path))
    if _normal_path(sound["results_dir"]).startswith("-"):
        yield f"{said}: commands take it for an option; choose for example results"
    elif ".snakemake" in target.parts:
        yield f"{said}: that folder is the engine's own; choose for example results"
    elif _through_link(Path.cwd(), names):
        yield f"{said}: .. after a link leads to two places; say where it is without .."
    elif not nearest.exists():
        yield f"{said}: {nearest} is a link that leads nowhere; mend it or choose another folder"
    elif here.resolve().is_relative_to(target.resolve()):
        yield f"{said}: must not be the working folder or hold it; choose for example results"
    elif not nearest.is_dir():
        yield f"{said}: {nearest} is a file; remove it or choose another folder"
    elif not os.access(nearest, os.W_OK | os.X_OK):
        yield f"{said}: {nearest} is not writable; change its permissions or choose another folder"
    else:
        for part in (target / name for name in PARTS_OF_RESULTS):
            if os.path.lexists(part) and not part.is_dir():
                yield f"{said}: {part} is no folder; remove it or choose another folder"
            elif part.is_dir() and not os.access(part, os.W_OK | os.X_OK):
                yield f"{said}: {part} is not writable; change its permissions"


def _through_link(folder: Path, names: Sequence[str]) -> bool:
    """Return whether a path goes up from a link: the kernel's folder is another than the name's."""
    for name in names:
        if name == ".." and folder.is_symlink():
            return True
        folder = folder.parent if name == ".." else folder / name
    return False


def _normal_path(text: str) -> str:
    """Return the one spelling that Snakemake's paths can be compared in."""
    return posixpath.normpath(re.sub("/+", "/", text))


def _calibration_files(config: Mapping[str, Any], root: Path) -> dict[str, Path]:
    files = {}
    for name, value in _section(config, "economies").items():
        file = value.get("calibration") if isinstance(value, Mapping) else value
        if isinstance(file, str) and file:
            files[name] = found(file, (Path.cwd(), root))
    return {name: files[name] for name in ECONOMIES if name in files}


def _calibrations(
    files: Mapping[str, Path], schema_file: Path
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    calibrations, faults = {}, []
    for name, file in files.items():
        try:
            calibrations[name] = _calibration(name, file, schema_file)
        except TruepremiaError as error:
            faults.append(f"economies.{name}: {error}")
    return calibrations, faults


def _calibration(name: str, file: Path, schema_file: Path) -> dict[str, Any]:
    content = plain(read_yaml(file))
    faults = [phrase for _, phrase in _schema_faults(content, schema_file)]
    if faults:
        raise ConfigError(f"{file}: {_joined(faults)}")
    values = {parameter: entry["value"] for parameter, entry in content.items()}
    try:
        ECONOMIES[name].parameters(values)
    except TruepremiaError as error:
        raise ConfigError(f"{file}: {error}") from error
    except Exception as error:
        if name in SHIPPED:
            raise
        raise ConfigError(
            f"{file}: parameters of {name} raised {words_of(error)}; correct the code, or the file"
        ) from error
    return values


def _typed(
    config: Mapping[str, Any],
    calibrations: Mapping[str, Mapping[str, Any]],
    files: Mapping[str, Path],
    root: Path,
) -> RunConfig:
    folders = (Path.cwd(), root)
    real = {n: p for n, p in config["panels"].items() if isinstance(p, Mapping)}
    panels = {name: _indices(config["panels"].get(name, 0)) for name in ECONOMIES}
    of_stores = [
        f"{name}_{index}"
        for name, indices in panels.items()
        if {*OF_A_STORE} <= {*ECONOMIES[name].characteristics}
        for index in indices
    ]
    return RunConfig(
        seed=int(config["seed"]),
        panels={name: indices for name, indices in panels.items() if indices},
        size=Size(int(config["firms"]), int(config["months"]), int(config["burnin"])),
        undefined_growth=config["undefined_growth"],
        window=int(config["window"]),
        alphas=tuple(sorted(abs(float(alpha)) for alpha in config["alphas"])),  # -0.0 is 0.0
        empty_cells=config["empty_cells"],
        model_factor_weights=config["model_factor_weights"],
        calibrations=calibrations,
        calibration_files=files,
        results_dir=_normal_path(config["results_dir"]),
        keep_panels=config["keep_panels"],
        tidy=tidy_config(config["tidy"], root, of_stores),
        methods=entries(config["methods"], folders),
        reference=config["leaderboard"]["reference"],
        headline=config["leaderboard"]["headline"],
        real_panels={name: found(panel["file"], folders) for name, panel in real.items()},
        switched_off=tuple(n for n in ECONOMIES if n in config["panels"] and not panels[n]),
    )


def _indices(panels: float | list[float]) -> tuple[int, ...]:
    if isinstance(panels, list):
        return tuple(sorted(int(index) for index in panels))
    return tuple(range(int(panels)))
