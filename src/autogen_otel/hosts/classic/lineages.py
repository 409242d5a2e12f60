"""Which AutoGen with ``ConversableAgent`` is installed: several distributions bring a module ``autogen``."""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Final, NamedTuple

from autogen_otel.hooks.lineage import Lineage

PYAUTOGEN_0_2: Final = frozenset({"pyautogen 0.2"})
AG2_0_9: Final = frozenset({"pyautogen 0.9"})
AG2_0_14: Final = frozenset({"ag2 0.14"})
ALL: Final = PYAUTOGEN_0_2 | AG2_0_9 | AG2_0_14

SUPPORTED = (
    "pyautogen 0.2.35 to 0.9 (pip install '.[pyautogen]' in the folder of the checkout) and "
    "ag2 0.14 (pip install '.[ag2]' there)"
)

TESTED = ("0.2.35", "0.9.0", "0.14.0", "0.14.1")
"""The versions that the tests run on; we also attach to others from the first to the last."""
_FOR_CONVERSABLE_AGENTS = "pyautogen 0.2.35 to 0.9 and ag2 0.14"
_OTHER_PRODUCTS = (
    "which has no ConversableAgent: it is another product of that name, and autogen-otel is for "
    f"{_FOR_CONVERSABLE_AGENTS}. A program written for the one does not run on the other, so installing "
    "another version is no remedy"
)
_DISTRIBUTIONS = ("ag2", "pyautogen", "autogen", "autogen-agentchat")
REQUIREMENTS = ("ag2 >= 0.9, < 1", "pyautogen >= 0.2.35, < 0.10", "autogen >= 0.9, < 1")
"""Any of these is a host. The package's extra ``instruments-any`` says so to OpenTelemetry."""


class Detection(NamedTuple):
    """A supported host, or the sentence that says why there is none.

    Args:
        lineage: the host.
        problem: which packages are installed instead, and which are supported.
    """

    lineage: Lineage | None = None
    problem: str | None = None


def detect() -> Detection:
    """Find the host by importing ``autogen`` and reading the version it gives itself.

    The module decides, not the list of installed packages: of two installed hosts, one has overwritten the
    other.
    """
    versions = _installed_versions()
    packages = ", ".join(f"{name} {version}" for name, version in versions.items()) or "no AutoGen package"
    try:
        module = importlib.import_module("autogen")
    except Exception as error:  # noqa: BLE001 - a broken host may raise anything on import, and that is its own affair
        if _import_problem(error) == "" and any(_is_other_product(*package) for package in versions.items()):
            # Some bring no module of this name at all.
            return Detection(problem=f"found {packages}, {_OTHER_PRODUCTS}")
        return Detection(problem=f"found {packages}{_import_problem(error)}; supported are {SUPPORTED}")
    if not hasattr(module, "ConversableAgent"):
        if versions:
            return Detection(problem=f"found {packages}, {_OTHER_PRODUCTS}")
        other = (
            f"a module autogen without ConversableAgent at {getattr(module, '__file__', 'an unknown place')}"
        )
        return Detection(problem=f"found {packages}, but {other}; supported are {SUPPORTED}")
    version = str(getattr(module, "__version__", "unknown"))
    distribution = next(
        (name for name, candidate in versions.items() if _same(candidate, version)), "autogen"
    )
    return Detection(lineage=_lineage(distribution, version))


def installed_requirements() -> tuple[str, ...]:
    """Those of ``REQUIREMENTS`` whose distribution is installed and has the agents that are observed."""
    names = {name for name, version in _installed_versions().items() if not _is_other_product(name, version)}
    return tuple(requirement for requirement in REQUIREMENTS if requirement.split()[0] in names)


def _import_problem(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "autogen":
        return ""
    return f", but importing autogen failed ({type(error).__name__}: {error})"


def _is_other_product(name: str, version: str) -> bool:
    """Whether this is AutoGen 0.4 or later, or AG2 1.0 or later, which share only the name."""
    if name == "autogen-agentchat" or not version.startswith("0."):
        return True
    return name == "pyautogen" and _minor(version) >= 10  # noqa: PLR2004 - a minor version


def _installed_versions() -> dict[str, str]:
    versions = ((name, _version(name)) for name in _DISTRIBUTIONS)
    return {name: version for name, version in versions if version is not None}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _same(distribution_version: str, module_version: str) -> bool:
    """Whether two spellings mean one version: 0.9 and 0.9.0."""
    return distribution_version.removesuffix(".0") == module_version.removesuffix(".0")


def _lineage(distribution: str, version: str) -> Lineage:
    minor = _minor(version)
    (name,) = PYAUTOGEN_0_2 if minor <= 2 else AG2_0_9 if minor < 11 else AG2_0_14  # noqa: PLR2004 - minor versions
    is_tested = any(_same(tested_version, version) for tested_version in TESTED)
    return Lineage(name, distribution, version, awaits_results=name in AG2_0_14, is_tested=is_tested)


def _minor(version: str) -> int:
    parts = version.split(".")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0
