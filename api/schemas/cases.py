"""Cases: one order each, and everything known of it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.common import Answer, Key, TimelineInfo
from api.schemas.incidents import IncidentInfo
from api.schemas.refunds import RefundInfo
from api.schemas.tasks import TaskInfo


class CaseInfo(Answer):
    """Where an order stands, by all its process instances together. Amounts are minor units of the currency."""

    id: str = Field(description="The shop's order id.", examples=["450789469"])
    process: str = Field(description="Of the newest instance that is open; when none is open, of the newest.")
    state: Literal["open", "incident", "done", "terminated"]
    outcome: str | None = Field(description="How the instance ended that ended last.", examples=["supplied"])
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


class InstanceInfo(Answer):
    """A process instance of a case."""

    key: Key = Field(description="The engine's key.", examples=["2251799813685301"])
    parent_key: Key | None = Field(description="The instance that called it; null when a message began it.")
    process: str = Field(examples=["fulfillment"])
    correlation_key: str | None = Field(description="Of the message that began it.", examples=["450789469"])
    state: Literal["open", "done", "terminated"]
    outcome: str | None = Field(description="How it ended.", examples=["supplied"])
    started_at: datetime
    ended_at: datetime | None


class CaseDetail(CaseInfo):
    """A case with its history."""

    instances: list[InstanceInfo] = Field(description="Process instances, the oldest first.")
    timeline: list[TimelineInfo]
    tasks: list[TaskInfo] = Field(description="Tasks that are open.")
    incidents: list[IncidentInfo]
    refunds: list[RefundInfo]
    effects: list[EffectInfo]
