"""What a wheel has beside the package: the files of `autogen-otel stack`."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StackFiles(BuildHookInterface[Any]):
    """Puts them below the package; an editable install reads those of the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files.

        Args:
            version: ``standard`` or ``editable``.
            build_data: what hatchling builds from.
        """
        if version != "editable":
            build_data["force_include"] |= {
                "deploy": "autogen_otel/stack/deploy",
                "docker-compose.yml": "autogen_otel/stack/docker-compose.yml",
            }
