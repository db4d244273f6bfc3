"""Configurations and calibrations from outside: YAML or JSON, read in bounded time and memory.

A short text can describe an endless or an enormous document: it may name a part of itself, nest
thousands of levels, or name one list ten times in another. So a text is first read as a stream of
events, which takes time and memory in proportion to its length, and only what is of a size and
depth that a configuration can have is made.
"""

import json
import math
import re
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from truepremia.errors import ConfigError, DataError
from truepremia.outside import read_text

DEEPEST, LARGEST = 40, 1_000_000
"""Levels and values of the deepest and largest document that is taken for a configuration."""

_DIGITS = 300
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")


def read_yaml(path: str | Path) -> Any:
    """Read a YAML or JSON file, refusing mappings that list a key twice.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    object
        The content in builtin types.

    Raises
    ------
    ConfigError
        If the file cannot be read, is neither, lists a key twice, describes more than a
        configuration can be, or has a number that YAML reads in another way than it looks.
    """
    try:
        text = read_text(path)
    except DataError as error:
        raise ConfigError(str(error)) from None
    try:
        return _parsed(text)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except yaml.MarkedYAMLError as error:
        last = len(text.splitlines())  # the end of a text is on its last line
        mark = error.problem_mark
        where = f"line {min(mark.line + 1, last)}" if mark else "somewhere"
        raise ConfigError(f"{path}: {where}: {error.problem}; correct the YAML") from None
    except Exception as error:  # a wrong tag can break any constructor of YAML
        said = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{path}: not YAML: {said}; correct the file") from None


def _parsed(text: str) -> Any:
    """Return the content of a text, which is JSON if it can be, as the engine has it too."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            content = json.loads(text, object_pairs_hook=_unique)
            plain(content)
            return content
        except (ValueError, RecursionError):
            pass  # YAML in one line looks like JSON
    _require_moderate(text)
    return yaml.load(text, Loader=_UniqueKeyLoader)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ConfigError(f"key {first_twice(keys)!r} appears twice; keep one of them")
    return found


def _require_moderate(text: str) -> None:
    """Refuse a text by its events, before anything is made of it."""
    sizes: dict[str, int] = {}
    open_parts: list[tuple[str | None, int]] = []
    made = 0
    for event in yaml.parse(text, Loader=_Loader):
        where = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in {anchor for anchor, _ in open_parts}:
                raise ConfigError(f"{where}: *{event.anchor} is within itself; write it out")
            made += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            _require_readable(event, where)
            made += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_parts.append((event.anchor, made))
            made += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_parts.pop()
            if anchor:
                sizes[anchor] = made - before
        if len(open_parts) > DEEPEST:
            raise ConfigError(f"{where}: nested in more than {DEEPEST} levels; write it flat")
        if made > LARGEST:
            raise ConfigError(f"{where}: stands for more than {LARGEST:,} values; write fewer")


def _require_readable(event: Any, where: str) -> None:
    """Refuse numbers that YAML 1.1 takes for octal or for minutes and seconds."""
    value = event.value
    if not event.implicit[0] or event.style:
        return  # quoted or tagged
    if _LEADING_ZERO.fullmatch(value):
        number = value.lstrip("+-0_") or "0"
        raise ConfigError(
            f"{where}: {value} starts with a zero, which YAML may read as an octal number; write "
            f"{number}, or {value!r} in quotes for text"
        )
    if _SIXTIES.fullmatch(value):
        raise ConfigError(
            f"{where}: {value} is read by YAML as a number to the base 60; write the number, or "
            f"{value!r} in quotes for text"
        )
    if len(value) > _DIGITS and value.lstrip("+-").replace("_", "").isdigit():
        raise ConfigError(f"{where}: a number of {len(value)} digits; write fewer")


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}"


class _UniqueKeyLoader(_Loader):  # type: ignore[misc]
    """YAML would silently keep the last of several values of a key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key.value!r} appears twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


def plain(value: Any) -> Any:
    """Return ``value`` in the types of JSON, whose numbers are finite: others become text.

    So does the number that Snakemake makes of ``--config undefined_growth=nan``.

    Raises
    ------
    ConfigError
        If the value is deeper or larger than a configuration can be, or holds itself.
    """
    left = LARGEST

    def of(item: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if depth > DEEPEST:
            raise ConfigError(
                f"the configuration is nested in more than {DEEPEST} levels, or holds itself; "
                "write it flat"
            )
        if left < 0:
            raise ConfigError(f"the configuration has more than {LARGEST:,} values; write fewer")
        if isinstance(item, Mapping):
            return {str(key): of(member, depth + 1) for key, member in item.items()}
        if isinstance(item, list | tuple):
            return [of(member, depth + 1) for member in item]
        return _plain_scalar(item)

    return of(value, 0)


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if value.bit_length() > 1023:
            return f"an integer of {value.bit_length():,} bits"
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    return str(value)


def first_twice(values: Iterable[Any]) -> Any:
    """Return the first value that is in ``values`` a second time, None if there is none.

    Takes time in proportion to their number; a whole number equals a decimal one of its value.
    """
    seen: set[str] = set()
    for value in values:
        key = _key(value)
        if key in seen:
            return value
        seen.add(key)
    return None


def _key(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True, default=str)


def unique_items(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterable[Any]:
    """Check the schema's ``uniqueItems`` in linear time."""
    from jsonschema.exceptions import ValidationError

    if wanted and isinstance(instance, list) and first_twice(instance) is not None:
        yield ValidationError("has non-unique elements", validator="uniqueItems")
