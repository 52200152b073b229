"""Cases: one order each, and everything known of it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.common import Answer, TimelineInfo
from api.schemas.incidents import IncidentInfo
from api.schemas.tasks import TaskInfo


class CaseInfo(Answer):
    """Where an order stands. Amounts are minor units of the currency."""

    id: str = Field(description="The shop's order id.", examples=["450789469"])
    process: str
    state: Literal["open", "incident", "done", "terminated"]
    outcome: str | None = Field(description="How it ended.", examples=["supplied"])
    order_number: str | None
    currency: str | None
    total_minor: int | None
    cost_minor: int | None
    opened_at: datetime
    closed_at: datetime | None


class CasePage(Answer):
    """One page of cases, by id."""

    cases: list[CaseInfo]
    next: str | None = Field(description="Value of `after` for the next page; null on the last one.")


class EffectInfo(Answer):
    """A change of the outside world, by its business key."""

    key: str
    kind: str
    state: str
    attempts: int
    intended_at: datetime
    settled_at: datetime | None


class CaseDetail(CaseInfo):
    """A case with its history."""

    timeline: list[TimelineInfo]
    tasks: list[TaskInfo] = Field(description="Tasks that are open.")
    incidents: list[IncidentInfo]
    effects: list[EffectInfo]
