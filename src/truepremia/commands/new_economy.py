"""The command ``new-economy``: a working economy to start from, outside of the repository."""

import json
import re
from pathlib import Path

from truepremia.economies.registry import SHIPPED
from truepremia.errors import ConfigError

YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")

SKELETON = Path(__file__).with_name("skeleton")
"""A consumption economy; its name stands where the new one's belongs."""


def new_economy(name: str, folder: Path) -> list[str]:
    """Write a package and a calibration, and return the configuration that uses them.

    Parameters
    ----------
    name : str
        Name of the economy: lower-case letters and digits, a letter first.
    folder : path
        Where the package ``name/`` and ``name.yaml`` are written.

    Returns
    -------
    list of str
        Lines of YAML.

    Raises
    ------
    ConfigError
        If the name is no name or taken, or something is there already.
    """
    if not re.fullmatch("[a-z][a-z0-9]{0,29}", name) or name in SHIPPED:
        raise ConfigError(
            f"name is {name!r}: must be lower-case letters and digits, a letter first, at most 30, "
            f"and none of {', '.join(SHIPPED)}"
        )
    if name in YAML_WORDS:
        raise ConfigError(f"name is {name!r}: YAML takes it for no text; choose another name")
    package, calibration = folder / name, folder / f"{name}.yaml"
    for place in (package, calibration):
        if place.exists():
            raise ConfigError(f"{place} is there already; remove it or choose another name")
    package.mkdir(parents=True)
    for file in sorted(SKELETON.glob("*.py")):
        text = file.read_text(encoding="utf-8").replace('"skeleton"', f'"{name}"')
        (package / file.name).write_text(text, encoding="utf-8")
    text = (SKELETON / "calibration.yaml").read_text(encoding="utf-8")
    calibration.write_text(text, encoding="utf-8")
    return [
        "panels:",
        f"  {name}: 1",
        "economies:",
        f"  {name}: {{package: {quoted(package)}, calibration: {quoted(calibration)}}}",
    ]


def quoted(path: Path) -> str:
    """Return a path as a text of YAML, which JSON's are too."""
    text = str(path)
    return text if re.fullmatch(r"[\w./-]+", text) else json.dumps(text, ensure_ascii=False)
