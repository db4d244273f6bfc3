"""A method as the configuration lists it: one of the registry's kinds, or a user's own file."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from truepremia.methods.registry import BUNDLED, KINDS, Look, suggestion
from truepremia.outside import exists, shell_path


@dataclass(frozen=True)
class Entry:
    """A configured method.

    Parameters
    ----------
    name : str
        Name in files and tables.
    kind : str or None
        Kind of the registry; None for a user's own file.
    options : mapping
        What is said of it beside that, by name of the option.
    file : Path or None
        The user's file.
    made_by : str or None
        Class of that file.
    megabytes, minutes : float or None
        Memory and time of a job, if the user says them.
    """

    name: str
    kind: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None
    made_by: str | None = None
    megabytes: float | None = None
    minutes: float | None = None

    @property
    def title(self) -> str:
        """Name for people."""
        if self.kind is None:
            return f"{self.name} (own)"
        return KINDS[self.kind].title.format(**dict(self.options)) or self.name

    @property
    def truth(self) -> bool:
        """Whether the method uses the true loadings: its kind does, or its class says so."""
        if self.kind is not None:
            return KINDS[self.kind].family == "truth"
        from truepremia.methods.own import declares_truth

        return declares_truth(Path(str(self.file)), str(self.made_by))

    @property
    def look(self) -> Look:
        """How it is drawn."""
        return OWN_LOOK if self.kind is None else KINDS[self.kind].look

    @property
    def reported(self) -> bool:
        """Whether the report lists its factors, economy by economy."""
        return self.kind is not None and KINDS[self.kind].reported

    def to_mapping(self) -> dict[str, Any]:
        """Return what a job must be told to make the method, in the types of JSON."""
        if self.file is None:
            return {"kind": self.kind, "options": dict(self.options)}
        return {"file": str(self.file), "class": self.made_by, "options": dict(self.options)}

    @classmethod
    def from_mapping(cls, name: str, entry: Mapping[str, Any]) -> "Entry":
        """Rebuild an entry from :meth:`to_mapping`."""
        if "file" in entry:
            file = Path(entry["file"])
            return cls(name, options=entry["options"], file=file, made_by=entry["class"])
        return cls(name, kind=entry["kind"], options=entry["options"])

    @contextlib.contextmanager
    def made(self, settings: Mapping[str, Any]) -> Iterator[Any]:
        """Yield a fresh object of the method; a user's file is loaded for the block alone.

        Parameters
        ----------
        settings : mapping
            The keys of the configuration that kinds take as arguments.
        """
        if self.file is None:
            yield KINDS[str(self.kind)].make(self.options, settings)
            return
        from truepremia.methods.own import build, loaded, require_declared

        with loaded(self.file, str(self.made_by)) as own:
            method = build(own, self.options, f"{self.name} ({self.file}:{self.made_by})")
            require_declared(method, self.file, str(self.made_by))
            yield method


OWN_LOOK = Look("#000000", "*", "-")


def switched_on(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the methods of a ``methods`` section that are not switched off."""
    return {name: entry for name, entry in section.items() if entry is not False}


def entry_faults(
    section: Mapping[str, Any], folders: Sequence[Path], facts: Mapping[str, Any]
) -> Iterator[str]:
    """Say what is wrong with a ``methods`` section that has the right form.

    Parameters
    ----------
    section : mapping
    folders : sequence of path
        Where relative files may start.
    facts : mapping
        What options may depend on: ``months``, ``window`` and ``characteristics``, the names of
        the characteristics by economy.
    """
    for name, entry in switched_on(section).items():
        where = f"methods.{name}"
        if name == NOTHING:
            yield f"{where}: {NOTHING} is the portfolio that holds nothing; choose another name"
        elif entry is not True and "kind" in entry and "file" in entry:
            yield (
                f"{where}: must have a kind or a file, and not both: {name} has the kind "
                f"{entry['kind']!r} already, perhaps in another file of settings; give a method of "
                "your own another name"
            )
        elif entry is True or ("kind" not in entry and "file" not in entry):
            yield (
                f"{where}: must have a kind or a file, and not both, for example {{kind: capm}} or "
                "{file: my_method.py, class: Mine}; off switches a method off"
            )
        elif "file" in entry:
            yield from (f"{where}: {fault}" for fault in _file_faults(entry, folders))
        else:
            yield from (f"{where}: {fault}" for fault in _kind_faults(name, entry, facts))


def _file_faults(entry: Mapping[str, Any], folders: Sequence[Path]) -> Iterator[str]:
    from truepremia.methods.own import faults

    unknown = [key for key in entry if key not in FILE_KEYS]
    for key in unknown:
        yield (
            f"unknown key {key!r}{suggestion(key, dict.fromkeys(FILE_KEYS))}; a file has "
            f"{', '.join(FILE_KEYS)}, and its own options stand below options"
        )
    if "class" not in entry:
        yield "class is missing: name the class of the file, for example class: Mine"
    else:
        yield from faults(found(entry["file"], folders), entry["class"])


def _kind_faults(name: str, entry: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    if entry["kind"] not in KINDS:
        hint = suggestion(entry["kind"], KINDS)
        yield f"unknown kind {entry['kind']!r}{hint}; known: {', '.join(KINDS)}"
        return
    kind = KINDS[entry["kind"]]
    if name in BUNDLED and BUNDLED[name].kind != kind.name:
        yield (
            f"{name} is the name of a method of every bundle, of kind {BUNDLED[name].kind}: choose "
            "another name"
        )
    options = _options(entry)
    wrong = kind.faults(options)
    yield from wrong or kind.misfits(options, facts)


def headline_faults(headline: Mapping[str, str], section: Mapping[str, Any]) -> Iterator[str]:
    """Say which variants that stand for methods those do not have, as far as options tell.

    Parameters
    ----------
    headline : mapping of str to str
        Variant by method.
    section : mapping
        The ``methods`` section, without faults.
    """
    on = switched_on(section)
    for name, variant in headline.items():
        entry = on.get(name, {})
        known = KINDS[entry["kind"]].variants(_options(entry)) if "kind" in entry else []
        if known and variant not in known:
            yield (
                f"leaderboard.headline.{name} is {variant!r}: must be one of its variants, "
                f"{', '.join(known)}; say which one stands for {name}, for example "
                f'leaderboard: {{headline: {{{name}: "{known[-1]}"}}}}'
            )


def entries(section: Mapping[str, Any], folders: Sequence[Path]) -> dict[str, Entry]:
    """Return a section without faults in its types, in the order of the configuration."""
    made = {}
    for name, entry in switched_on(section).items():
        needs: dict[str, Any] = {key: float(entry[key]) for key in NEEDS if key in entry}
        if "file" in entry:
            file, options = found(entry["file"], folders), entry.get("options", {})
            made[name] = Entry(name, options=options, file=file, made_by=entry["class"], **needs)
        else:
            made[name] = Entry(name, kind=entry["kind"], options=_options(entry), **needs)
    return made


def found(path: str, folders: Sequence[Path]) -> Path:
    """Return a relative path in the first folder that has it, else in the first folder.

    ``~`` and ``$NAME`` stand for what they do in a shell.
    """
    places = [folder / shell_path(path) for folder in folders]
    return next((place for place in places if exists(place)), places[0])


def _options(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in ("kind", *NEEDS)}


NOTHING = "none"
NEEDS = ("megabytes", "minutes")
FILE_KEYS = ("file", "class", "options", *NEEDS)
