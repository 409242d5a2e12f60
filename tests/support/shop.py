"""A tool whose arguments are objects, lists and choices."""

# No postponed annotations here: AG2 reads them where it cannot resolve them.
from dataclasses import dataclass
from typing import Any, Literal


@dataclass
class Item:
    """A thing that is ordered."""

    name: str
    count: int = 1


def order(
    items: list[Item], kind: Literal["rush", "normal"] = "normal", note: str | int | None = None
) -> dict[str, Any]:
    """Order things; the answer is an error of the shop's."""
    return {"error": {"code": 409, "message": f"{len(items)} sold out"}, "kind": kind, "note": note}
