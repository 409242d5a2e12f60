"""The insurer's own code behind the tools: small, plausible, and wrong about one thing now and then."""

# No postponed annotations here: some hosts read the descriptions out of the annotations themselves.
from dataclasses import dataclass
from typing import Annotated, Any

_OFFICES = {"EU": "Lisbon", "UK": "Leeds", "US": "Hartford"}
_COVERS = {"MOTOR": ("collision, theft and glass", 300.0), "HOME": ("water, fire and burglary", 500.0)}
_COST_PER_DAMAGE = 1.19


@dataclass(frozen=True)
class PolicyId:
    """A policy id taken apart: ``MOTOR-EU-20417``."""

    product: str
    office: str
    number: int


def lookup_policy(policy_id: Annotated[str, "policy id, such as MOTOR-EU-20417"]) -> dict[str, Any]:
    """Find out what a policy covers and which office keeps it."""
    return read_record(policy_id)


def estimate_damage(
    claim_id: Annotated[str, "claim id, such as C-20417"],
    amount: Annotated[float, "what the customer says the repair costs, in euros"],
) -> dict[str, Any]:
    """Estimate what the repair will really cost."""
    return {"claim_id": claim_id, "estimate": round(amount * _COST_PER_DAMAGE, 2), "currency": "EUR"}


def open_claim(
    policy_id: Annotated[str, "policy id, such as MOTOR-EU-20417"],
    description: Annotated[str, "what happened, in one sentence"],
) -> dict[str, Any]:
    """Open a claim on a policy."""
    identity = parse_id(policy_id)
    return {"claim_id": f"C-{identity.number}", "office": identity.office, "description": description}


def read_record(policy_id: str) -> dict[str, Any]:
    """Read a policy's record."""
    identity = parse_id(policy_id)
    covers, deductible = _COVERS[identity.product]
    return {"policy_id": policy_id, "covers": covers, "deductible": deductible, "office": identity.office}


def parse_id(policy_id: str) -> PolicyId:
    """Take a policy id apart.

    Raises:
        ValueError: its region has no office. Customers leave the region out, and then it reads ``null``.
    """
    product, region, number = policy_id.split("-")
    try:
        office = office_of(region)
    except KeyError as error:
        raise ValueError(f"policy id {policy_id!r} names no region that has an office") from error
    return PolicyId(product, office, int(number))


def office_of(region: str) -> str:
    """Find the office of a region."""
    return _OFFICES[region]
