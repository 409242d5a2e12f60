"""How the dashboards look: colours, units, thresholds."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

GREEN, AMBER, RED, BLUE, PURPLE, GREY = "green", "orange", "red", "blue", "purple", "text"

SECONDS: Final = "s"
COUNT: Final = "short"
SHARE: Final = "percentunit"
MONEY: Final = "currencyUSD"

OUTCOME_COLOURS: Final = {"ok": GREEN, "recovered": AMBER, "failed": RED}
STATUS_COLOURS: Final = {"/^2/": GREEN, "/^4/": AMBER, "/^5/": RED, "/no answer/": PURPLE, "/not HTTP/": BLUE}
"""By regular expression on the name of a series."""


def steps(*above: tuple[float, str], lowest: str = GREEN) -> Json:
    """Thresholds: a colour from each value on."""
    first = {"color": lowest, "value": None}
    return {
        "mode": "absolute",
        "steps": [first, *({"color": colour, "value": value} for value, colour in above)],
    }


PLAIN: Final = steps(lowest=GREY)
FAILURES: Final = steps((0.01, AMBER), (0.05, RED))
"""A share of failures: green below one in a hundred, red from one in twenty."""
HANDLED: Final = steps((0.05, AMBER))
"""A share that is no failure yet."""
ANY_IS_BAD: Final = steps((1.0, RED))
ANY_IS_NOTABLE: Final = steps((1.0, AMBER))


def by_name(name: str, **properties: Any) -> Json:
    """Change what a series or column looks like.

    Args:
        name: of the series or column; a regular expression if it stands between slashes.
        properties: ids of field properties, with ``__`` for dots, and their values.
    """
    matcher = "byRegexp" if name.startswith("/") else "byName"
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


def coloured(colours: dict[str, str]) -> list[Json]:
    """Overrides that give series their colours."""
    return [by_name(name, color={"mode": "fixed", "fixedColor": colour}) for name, colour in colours.items()]
