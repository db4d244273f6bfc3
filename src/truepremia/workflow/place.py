"""Where the workflow lies: the root of a checkout, or a folder of the installed package."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

FROM = "TRUEPREMIA_FROM"
"""Environment variable with the folder in which a command was given that works in another one;
empty where the results will not stay."""

INSTALLED = PACKAGE / "_workflow"
"""Where the wheel puts the Snakefile and all that belongs to it (pyproject.toml)."""


def workflow_folder() -> Path:
    """Return the folder of the Snakefile, with rules, scripts, config, profiles and envs.

    Returns
    -------
    Path
        ``truepremia/_workflow`` of an installed package, the root of a checkout else.
    """
    return INSTALLED if (INSTALLED / "Snakefile").is_file() else PACKAGE.parents[1]


ROOT = workflow_folder()
