"""What hazard and its diagram say to each other: messages with their variables, results, outcomes.

Times are RFC 3339: the diagram decides about them, by the engine's clock.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import Field

from workers.contracts.fulfillment import ONE_LINE
from workers.runtime.jobs import Message, MessagePayload

PROCESS = "hazard"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
REPORTS_LAST = timedelta(days=15)
"""The process takes them sooner, unless it stands at an incident; what was reported is in our books anyway."""


class Errors(StrEnum):
    """BPMN error codes the diagram catches: none."""


class Messages(StrEnum):
    """Messages the diagram starts by or waits for."""

    HAZARD_REPORTED = "hazard_reported"


class HazardReported(MessagePayload):
    """A ticket tells that a product may harm somebody."""

    hazard_case: str = Field(pattern=r"^hazard-[a-z0-9._-]{1,100}$", examples=["hazard-massager-1"])
    product: str = Field(min_length=1, max_length=200, pattern=ONE_LINE, examples=["MASSAGER-1"])
    hazard: str = Field(pattern=r"^[a-z]{1,30}$", examples=["burn"])
    report: str = Field(min_length=1, max_length=250, description="Tells the reports of a product apart.")


REPORTED = Message(
    Messages.HAZARD_REPORTED,
    HazardReported,
    "hazard_case",
    REPORTS_LAST,
    starts_when_none_runs=True,
    asked_for_at="POST /tickets",
    identity="report",
)
MESSAGES = (REPORTED,)

OUTCOMES = {
    "Event_NotRepeated": "not_repeated",
    "Event_HazardDecided": "hazard_decided",
}
"""How a case ended that reached this end event."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many reports there are of this hazard, and which episode of the product's they belong to."""

    reports: int
    episode: int
    happened: str
    """The same in words, as the form shows it, like the product."""
    shown_product: str


@dataclass(frozen=True, slots=True)
class Paused:
    """Names of the campaigns that are paused because of it."""

    campaigns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person decided, by the engine's records; nothing of it when it does not count."""

    objection: str | None
    """Why the decision does not count, as the form says it; None when it does."""
    decided_by: str
    resume: bool
    recall: bool
    refund_all: bool
    inform_authority: bool


@dataclass(frozen=True, slots=True)
class Affected:
    """The orders that the reports are about."""

    orders: tuple[str, ...]


def one_line(product: str) -> str:
    """A product's name as messages and books take it: without controls and half characters, and not endless."""
    return " ".join(_CONTROLS.sub(" ", product).split())[:200] or "unnamed"


def moment(engine_time: str) -> datetime:
    """A time as the engine writes it: with a zone's offset, its name, or both (09:00:00Z[GMT], 09:00:00@GMT)."""
    at, _, zone = engine_time.replace("[", "@").rstrip("]").partition("@")
    when = datetime.fromisoformat(at)
    return when if when.tzinfo else when.replace(tzinfo=ZoneInfo(zone or "UTC"))


def case_of(product: str) -> str:
    """The case of a product's hazards: what another spelling of the same name has, too, and no other product."""
    name = " ".join(product.split()).casefold()
    plain = re.sub(r"[^a-z0-9._-]+", "-", name).strip("-")[:60]
    if plain and plain == name:
        return f"hazard-{plain}"
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:12]
    return f"hazard-{plain}-{digest}" if plain else f"hazard-{digest}"
