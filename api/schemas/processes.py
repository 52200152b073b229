"""Processes and their messages, as API callers see them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.common import Answer


class MessageInfo(Answer):
    """A message a process takes."""

    name: str = Field(examples=["order_paid"])
    starts: bool = Field(description="Whether instances are started by it alone; then it is sent to /instances.")
    correlation_key: str = Field(description="The field that says which case is meant.")
    schema_ref: str = Field(description="Where its form is in /openapi.json.")


class ProcessInfo(Answer):
    """A process."""

    id: str = Field(examples=["fulfillment"])
    messages: list[MessageInfo]


class Processes(Answer):
    """All of them."""

    processes: list[ProcessInfo]


class Accepted(Answer):
    """A message that is stored and will reach the engine."""

    id: str = Field(description="Its number in the inbox: GET /inbox/{id}.", examples=["17"])
    process: str = Field(examples=["fulfillment"])
    status: Literal["accepted"] = "accepted"
    duplicate: bool = Field(description="Whether the same had been told before; then nothing new happens.")


class InboxEntry(Answer):
    """What became of a message."""

    id: str
    process: str
    message: str
    source: str = Field(description="Who told it: the supplier, carrier's service, shop or program.")
    correlation_key: str
    state: Literal["waiting", "published", "refused"] = Field(
        description="waiting: not yet with the engine; refused: the engine will never take it, somebody must look"
    )
    received_at: datetime
    published_at: datetime | None
    deliveries: int = Field(description="How often it was told.")
    attempts: int = Field(description="How often it was offered to the engine.")
    last_error: str | None = Field(description="Why the engine did not take it; null once it did.")


class InboxPage(Answer):
    """One page of messages, oldest first."""

    messages: list[InboxEntry]
    next: str | None = Field(description="Value of `after` for the next page; null on the last one.")
