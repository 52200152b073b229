"""What is known of a postal address without asking anybody: what its country needs, and how it looks there."""

from dataclasses import dataclass
from typing import Protocol

from workers.ports.values import Address


@dataclass(frozen=True, slots=True)
class AddressFacts:
    """Facts only; whether they are a problem is for a decision table to say.

    `missing`, `malformed` and `mismatched` name fields: name, street, city, region, postcode, country.
    """

    country: str
    """ISO 3166 alpha-2 code where it could be told, else what the customer wrote."""
    region: str
    """The country's own code or name of the region where it is known, else what the customer wrote."""
    postcode: str
    """Upper case, trimmed, and spelled the country's way where that takes only a space, a hyphen or a prefix."""
    missing: tuple[str, ...]
    """Fields the country needs that are empty."""
    malformed: tuple[str, ...]
    """Fields that no address in the country looks like."""
    mismatched: tuple[str, ...]
    """Fields well formed that contradict another: a postcode of another region."""
    po_box: bool


class Addresses(Protocol):
    """Knowledge of the world's postal addresses. Never raises for anything a customer can write."""

    def facts(self, address: Address) -> AddressFacts:
        """What can be said of this address; the same address always has the same facts."""
        ...
