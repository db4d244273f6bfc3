"""Reading bundles without trusting them: a pickle can otherwise run any code.

A pickle is a program for a small stack machine. The one here knows the instructions that bundles
are written with and no others. It calls nothing by name: where a pickle asks for a constructor of
numpy or pandas, a function of this module takes its place, which checks what it is given and
builds arrays from plain bytes and plain values. So neither numpy nor pandas ever sees a state
that a stranger wrote.
"""

import math
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import pandas as pd

from truepremia.errors import DataError, printable, shortened
from truepremia.outside import circumstance, opened
from truepremia.typing import Array

_REMEDY = "name a bundle such as results/bgn_0_fama.pkl, or build it again if it is damaged"

MOST_INSTRUCTIONS = 20_000_000
MOST_ON_STACK = 100_000
MOST_KEYS = 1_000
MOST_CELLS_OF_TEXT = 10_000_000
SHARE_OF_MEMORY = 0.5
"""Largest bundle as a share of the machine's memory."""
GROWTH, SMALL = 16, 1_000_000
"""Bytes of memory for each byte of the file, and at least: what it holds once it may name twice."""

_SCALARS = (type(None), bool, int, float, str)
_NUMBERS = {f"{kind}{size}" for kind in "iuf" for size in (1, 2, 4, 8)} - {"f1"} | {"b1"}
_OBJECTS = {"O8", "O4", "O"}


class _RefusedError(Exception):
    """What a pickle holds is nothing that a bundle is made of."""


def read_bundle(path: str | Path) -> dict[str, Any]:
    """Read a bundle; nothing in it is run.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        The items of the bundle: None, numbers, texts, lists of these, and frames.

    Raises
    ------
    DataError
        If the file is missing or damaged, is larger than half of the memory, holds anything else,
        or is no dictionary.
    """
    with opened(path) as (handle, size):
        if size > SHARE_OF_MEMORY * _memory():
            raise DataError(
                f"cannot read {path}: it has {size / 1e6:,.0f} MB, more than half of this "
                f"machine's memory; {_REMEDY}"
            )
        try:
            items = _Machine(handle, size).run()
            if not isinstance(items, dict):
                kind = type(items).__name__
                raise DataError(f"{path} is a {kind}, expected a dictionary; {_REMEDY}")
            return {key: _item(key, value) for key, value in items.items()}
        except DataError:
            raise
        except _RefusedError as refused:
            raise DataError(f"cannot read {path}: {refused}; {_REMEDY}") from None
        except Exception as error:  # what an instruction is given can break it in any way
            why = circumstance(error)
            if why is None:
                why = f"it is damaged ({type(error).__name__}); {_REMEDY}"
            raise DataError(f"cannot read {path}: {why}") from error


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _item(key: object, value: object) -> Any:
    """Return an item of a bundle, which is plain data or a frame."""
    if isinstance(value, list):
        if len(value) > MOST_KEYS:
            raise _RefusedError(f"its item {_shown(key)} has more than {MOST_KEYS} values")
        return [_scalar(member) for member in value]
    if isinstance(value, _Made) and isinstance(value.value, pd.DataFrame):
        return value.value
    if type(value) in _SCALARS:
        return value
    kind = value.kind if isinstance(value, _Made) else type(value).__name__
    raise _RefusedError(f"its item {_shown(key)} is a {kind}, which no bundle holds")


def _scalar(value: object) -> Any:
    if type(value) not in _SCALARS:
        raise _RefusedError(f"a list holds a {type(value).__name__}, not numbers or texts")
    return value


def _shown(value: object) -> str:
    return shortened(printable(str(value)), 60) if isinstance(value, str) else "?"


# --- what stands in for numpy and pandas ----------------------------------------------------------


class _Named:
    """A constructor by its full name; never the thing itself."""

    def __init__(self, name: str):
        self.name = name


class _Made:
    """What a stand-in made: whole at once, or when its state arrives."""

    def __init__(self, kind: str, value: Any = None):
        self.kind, self.value = kind, value


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise _RefusedError(f"{what} is not as numpy and pandas write it")


def _whole(value: object, what: str) -> int:
    _need(type(value) is int, what)
    assert isinstance(value, int)
    return value


def _value(made: object, kind: str) -> Any:
    """Return what was made of the wanted kind, or refuse."""
    if not isinstance(made, _Made) or made.kind != kind or made.value is None:
        raise _RefusedError(f"there is no {kind} where one belongs")
    return made.value


def _is_named(value: object, *names: str) -> bool:
    return isinstance(value, _Named) and value.name in names


def _dtype(text: object, *flags: object) -> _Made:
    _need(flags in ((False, True), ()), "a dtype")
    _need(isinstance(text, str) and text in _NUMBERS | _OBJECTS, "a dtype")
    return _Made("dtype", np.dtype(str(text)))


def _dtype_state(made: _Made, state: object) -> None:
    """Take the byte order; a dtype of plain numbers has nothing else in its state."""
    _need(isinstance(state, tuple) and len(state) >= 8, "the state of a dtype")
    assert isinstance(state, tuple)
    version, order, *rest = state
    plain = rest[:3] == [None, None, None] and rest[3:5] == [-1, -1]
    _need(version in (3, 4) and order in ("<", ">", "=", "|") and plain, "the state of a dtype")
    if order in ("<", ">"):
        made.value = made.value.newbyteorder(order)


def _empty_array(kind: object, shape: object, code: object) -> _Made:
    _need(_is_named(kind, "numpy.ndarray") and shape == (0,) and code == b"b", "an array")
    return _Made("array")


def _array_state(made: _Made, state: object) -> None:
    _need(isinstance(state, tuple) and len(state) == 5 and state[0] == 1, "the state of an array")
    assert isinstance(state, tuple)
    _, shape, dtype, by_columns, content = state
    made.value = _array(content, dtype, shape, "F" if by_columns else "C")


def _array(content: object, dtype: object, shape: object, order: object) -> Array:
    """Return an array of numbers from bytes, or of texts and numbers from a list."""
    _need(isinstance(shape, tuple) and 1 <= len(shape) <= 2, "the shape of an array")
    assert isinstance(shape, tuple)
    lengths = [_whole(length, "the shape of an array") for length in shape]
    _need(all(length >= 0 for length in lengths), "the shape of an array")
    size, kind = math.prod(lengths), _value(dtype, "dtype")
    if kind.kind == "O":
        _need(isinstance(content, list) and len(content) == size, "an array of texts")
        assert isinstance(content, list)
        flat: Array = np.empty(size, dtype=object)
        flat[:] = [_scalar(value) for value in content]
    else:
        _need(isinstance(content, bytes | bytearray), "an array of numbers")
        assert isinstance(content, bytes | bytearray)
        _need(len(content) == size * kind.itemsize, "the length of an array")
        flat = np.frombuffer(content, dtype=kind).astype(kind.newbyteorder("="))
    return flat.reshape(lengths, order="F" if order == "F" else "C")


def _from_buffer(content: object, dtype: object, shape: object, order: object) -> _Made:
    return _Made("array", _array(content, dtype, shape, order))


def _slice(*ends: object) -> _Made:
    _need(len(ends) == 3, "a slice")
    start, stop, step = (_whole(end, "a slice") for end in ends)
    return _Made("places", range(start, stop, step or 1))


def _block(values: object, places: object, dimensions: object = 2) -> _Made:
    array = _value(values, "array")
    if isinstance(places, _Made) and places.kind == "array":
        where = [int(place) for place in _value(places, "array").ravel()]
    else:
        where = _value(places, "places")
    _need(array.ndim == 2 and dimensions == 2 and len(array) <= MOST_KEYS, "a block")
    _need(len(where) == len(array), "a block")
    return _Made("block", (array, list(where)))


def _index(kind: object, state: object) -> _Made:
    _need(isinstance(state, dict) and isinstance(kind, _Named), "an index")
    assert isinstance(state, dict)
    name = state.get("name")
    _need(type(name) in _SCALARS, "the name of an index")
    if "data" in state:
        array = _value(state["data"], "array")
        _need(array.ndim == 1, "an index")
        return _Made("index", pd.Index(array, dtype=array.dtype, name=name))
    ends = [_whole(state.get(key), "an index of numbers") for key in ("start", "stop", "step")]
    _need(ends[2] != 0 and all(abs(end) < 2**62 for end in ends), "an index of numbers")
    return _Made("index", pd.RangeIndex(ends[0], ends[1], ends[2], name=name))


def _manager(blocks: object, axes: object) -> _Made:
    _need(isinstance(blocks, tuple) and isinstance(axes, list) and len(axes) == 2, "a frame")
    assert isinstance(blocks, tuple)
    assert isinstance(axes, list)
    columns, rows = (_value(axis, "index") for axis in axes)
    found: dict[int, Array] = {}
    for array, places in (_value(block, "block") for block in blocks):
        _need(array.shape[1] == len(rows), "the length of a frame")
        found |= dict(zip(places, array, strict=True))
    _need(
        sorted(found) == list(range(len(found))) and len(found) == len(columns),
        "the columns of a frame",
    )
    series = {i: pd.Series(found[i], rows, dtype=found[i].dtype) for i in range(len(columns))}
    frame = pd.DataFrame(series, rows)
    frame.columns = columns
    return _Made("manager", frame)


def _empty_frame() -> _Made:
    return _Made("frame")


def _frame_state(made: _Made, state: object) -> None:
    _need(isinstance(state, dict), "the state of a frame")
    assert isinstance(state, dict)
    made.value = _value(state.get("_mgr"), "manager")


_MAKERS: Mapping[str, Callable[..., _Made]] = {
    "builtins.slice": _slice,
    "numpy.dtype": _dtype,
    "numpy._core.multiarray._reconstruct": _empty_array,
    "numpy._core.numeric._frombuffer": _from_buffer,
    "numpy.core.multiarray._reconstruct": _empty_array,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "pandas.DataFrame": _empty_frame,
    "pandas.core.frame.DataFrame": _empty_frame,
    "pandas.core.indexes.base._new_Index": _index,
    "pandas.core.internals.managers.BlockManager": _manager,
    "pandas._libs.internals._unpickle_block": _block,
}
_LABELS = (
    *("numpy.ndarray", "pandas.Index", "pandas.RangeIndex"),
    *("pandas.core.indexes.base.Index", "pandas.core.indexes.range.RangeIndex"),
)
HARMLESS = frozenset({*_MAKERS, *_LABELS})
"""What frames are made of, under the names of numpy 1 and 2 and of pandas 1.5 to 3."""

_STATES = {"dtype": _dtype_state, "array": _array_state, "frame": _frame_state}


# --- the stack machine ----------------------------------------------------------------------------

_MARK = object()


class _Machine:
    """Runs the program of one pickle, reading as it goes; memory is bounded by the file's size."""

    def __init__(self, handle: BinaryIO, size: int):
        self._handle, self._left = handle, size
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._allowed = GROWTH * size + SMALL

    def run(self) -> Any:
        if not self._left:
            raise _RefusedError("it is empty")
        if self._handle.peek(1)[:1] != b"\x80":  # type: ignore[attr-defined]
            raise _RefusedError("it is no pickle")
        for _ in range(MOST_INSTRUCTIONS):
            code = self._take(1)
            if code == b".":
                return self._pop()
            step = _STEPS.get(code)
            if step is None:
                raise _RefusedError(f"it is damaged or no bundle: instruction {code!r} is in none")
            step(self)
            if len(self._stack) > MOST_ON_STACK:
                raise _RefusedError("it is deeper than any bundle")
        raise _RefusedError(f"it has more than {MOST_INSTRUCTIONS:,} instructions")

    def _take(self, count: int) -> bytes:
        if count > self._left:
            raise _RefusedError("it is truncated")
        self._left -= count
        return self._handle.read(count)

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._take(struct.calcsize(form)))[0])

    def _pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise _RefusedError("it is damaged: a value is missing")
        return self._stack.pop()

    def _top(self) -> Any:
        value = self._pop()
        self._stack.append(value)
        return value

    def _marked(self) -> list[Any]:
        """Return what lies above the last mark, and take both off."""
        for at in range(len(self._stack) - 1, -1, -1):
            if self._stack[at] is _MARK:
                values = self._stack[at + 1 :]
                del self._stack[at:]
                return values
        raise _RefusedError("it is damaged: a mark is missing")

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    # What instructions do, by what they make.

    def _skip(self, form: str) -> None:
        self._number(form)

    def _tuple(self, length: int) -> None:
        self._push(tuple(reversed([self._pop() for _ in range(length)])))

    def _text(self, form: str) -> None:
        self._push(self._take(self._number(form)).decode("utf-8", "surrogatepass"))

    def _bytes(self, form: str) -> None:
        self._push(self._take(self._number(form)))

    def _long(self) -> None:
        self._push(int.from_bytes(self._take(self._number("<B")), "little", signed=True))

    def _remember(self, at: int) -> None:
        self._memo[at] = self._top()

    def _recall(self, form: str) -> None:
        at = self._number(form)
        if at not in self._memo:
            raise _RefusedError("it is damaged: it recalls what it never kept")
        self._push(self._memo[at])

    def _append(self, values: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, list) or len(target) + len(values) > MOST_CELLS_OF_TEXT:
            raise _RefusedError("it is damaged: a list is none, or too long")
        target.extend(values)

    def _set(self, values: list[Any]) -> None:
        target, keys = self._top(), values[::2]
        if not isinstance(target, dict) or len(values) % 2:
            raise _RefusedError("it is damaged: a dictionary is none")
        if not all(type(key) is str for key in keys):
            raise _RefusedError("a dictionary has a key that is no text")
        target.update(zip(keys, values[1::2], strict=True))
        if len(target) > MOST_KEYS:
            raise _RefusedError(f"a dictionary has more than {MOST_KEYS} keys")

    def _name(self) -> None:
        name, module = self._pop(), self._pop()
        self._named(module, name)

    def _name_in_lines(self) -> None:
        module, name = (self._line() for _ in range(2))
        self._named(module, name)

    def _line(self) -> str:
        characters = bytearray()
        while not characters.endswith(b"\n"):
            characters += self._take(1)
            if len(characters) > MOST_KEYS:
                raise _RefusedError("a name is too long")
        return characters[:-1].decode("utf-8")

    def _named(self, module: object, name: object) -> None:
        full = f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else ""
        if full not in HARMLESS:
            raise _RefusedError(f"it would run {_shown(full)}, which no bundle does")
        self._push(_Named(full))

    def _call(self) -> None:
        arguments, maker = self._pop(), self._pop()
        if not isinstance(maker, _Named) or not isinstance(arguments, tuple):
            raise _RefusedError("it calls what is no constructor")
        if maker.name not in _MAKERS:
            _wrong(maker.name)
        try:
            made = _MAKERS[maker.name](*arguments)
        except TypeError:
            _wrong(maker.name)
        self._charge(made)
        self._push(made)

    def _build(self) -> None:
        state, made = self._pop(), self._top()
        if not isinstance(made, _Made) or made.kind not in _STATES or made.kind == "manager":
            raise _RefusedError("it gives a state to what has none")
        if made.value is not None and made.kind != "dtype":
            raise _RefusedError("it gives a state twice")
        _STATES[made.kind](made, state)
        self._charge(made)

    def _charge(self, made: _Made) -> None:
        """Refuse what grows beyond its file, as by naming one array many times."""
        if made.kind == "array" and made.value is not None:
            self._allowed -= made.value.nbytes
        elif made.kind == "manager":
            self._allowed -= int(made.value.memory_usage().sum())
        if self._allowed < 0:
            raise _RefusedError("it would be much larger in memory than its file")


def _wrong(name: str) -> NoReturn:
    raise _RefusedError(f"it calls {name} as no bundle does")


_STEPS: Mapping[bytes, Callable[[_Machine], None]] = {
    b"\x80": lambda m: m._skip("<B"),
    b"\x95": lambda m: m._skip("<Q"),
    b"(": lambda m: m._push(_MARK),
    b"N": lambda m: m._push(None),
    b"\x88": lambda m: m._push(True),
    b"\x89": lambda m: m._push(False),
    b"K": lambda m: m._push(m._number("<B")),
    b"M": lambda m: m._push(m._number("<H")),
    b"J": lambda m: m._push(m._number("<i")),
    b"\x8a": lambda m: m._long(),
    b"G": lambda m: m._push(struct.unpack(">d", m._take(8))[0]),
    b"\x8c": lambda m: m._text("<B"),
    b"X": lambda m: m._text("<I"),
    b"\x8d": lambda m: m._text("<Q"),
    b"C": lambda m: m._bytes("<B"),
    b"B": lambda m: m._bytes("<I"),
    b"\x8e": lambda m: m._bytes("<Q"),
    b"\x96": lambda m: m._bytes("<Q"),
    b")": lambda m: m._push(()),
    b"t": lambda m: m._push(tuple(m._marked())),
    b"\x85": lambda m: m._tuple(1),
    b"\x86": lambda m: m._tuple(2),
    b"\x87": lambda m: m._tuple(3),
    b"]": lambda m: m._push([]),
    b"a": lambda m: m._append([m._pop()]),
    b"e": lambda m: m._append(m._marked()),
    b"}": lambda m: m._push({}),
    b"s": lambda m: m._set([m._pop(), m._pop()][::-1]),
    b"u": lambda m: m._set(m._marked()),
    b"\x94": lambda m: m._remember(len(m._memo)),
    b"q": lambda m: m._remember(m._number("<B")),
    b"r": lambda m: m._remember(m._number("<I")),
    b"h": lambda m: m._recall("<B"),
    b"j": lambda m: m._recall("<I"),
    b"\x93": lambda m: m._name(),
    b"c": lambda m: m._name_in_lines(),
    b"R": lambda m: m._call(),
    b"\x81": lambda m: m._call(),
    b"b": lambda m: m._build(),
}
"""The instructions that bundles are written with, in protocols 2 to 5."""
