"""What the wheel has beside the package: the workflow (src/truepremia/workflow/place.py)."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WORKFLOW = ("Snakefile", "rules", "scripts", "config", "profiles", "envs")


class WorkflowHook(BuildHookInterface):  # type: ignore[type-arg]
    """Copies the workflow into wheels; an editable install uses that of the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say what to copy."""
        if version == "standard":
            build_data["force_include"] |= {
                part: f"truepremia/_workflow/{part}" for part in WORKFLOW
            }
