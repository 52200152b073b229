"""What notice and its diagram say to each other: messages with their variables, results, outcomes."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from workers.contracts.fulfillment import ONE_LINE
from workers.runtime.jobs import Message, MessagePayload

PROCESS = "notice"


class Errors(StrEnum):
    """BPMN error codes the diagram catches: none."""


class Messages(StrEnum):
    """Messages the diagram starts by or waits for."""

    NOTICE_REQUESTED = "notice_requested"


class NoticeRequested(MessagePayload):
    """Somebody decided that the authority is to be informed of a product."""

    hazard_case: str = Field(pattern=r"^hazard-[a-z0-9._-]{1,100}$", examples=["hazard-massager-1"])
    product: str = Field(min_length=1, max_length=200, pattern=ONE_LINE, examples=["MASSAGER-1"])
    hazard: str = Field(pattern=r"^[a-z]{1,30}$", examples=["burn"])
    episode: int = Field(ge=0, description="Which reports were decided about.")


REQUESTED = Message(
    Messages.NOTICE_REQUESTED,
    NoticeRequested,
    "hazard_case",
    timedelta(days=365),
    starts=True,
    asked_for_at="a lead decides so about a hazard",
    identity="episode",
)
"""A second notice about a product waits in the engine until the first one is sent."""
MESSAGES = (REQUESTED,)

OUTCOMES = {
    "Event_AuthorityInformed": "authority_informed",
    "Event_NoticeNotNeeded": "notice_not_needed",
}
"""How a notice ended that reached this end event."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was reported, as the form shows it."""

    shown_product: str
    happened: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a lead did, by the engine's records; `objection` says what is missing, and is None when nothing is."""

    objection: str | None
    informed: bool
    authority: str
    reference: str
