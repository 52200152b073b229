"""Tables of schema `orderops`: inbox, effects, and the case file. Times are UTC, money is minor units."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index, LargeBinary, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from workers.casefile.db import SCHEMA


class Base(DeclarativeBase):
    """Types and names that all tables share."""

    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        },
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
        list[str]: ARRAY(Text()),
        int: BigInteger(),
        bytes: LargeBinary(),
    }


class InboxRow(Base):
    """A message from outside: stored before it is answered, then published until the engine has accepted it.

    `dedupe_key` is the business identity of what happened and stays for ever. It is the message id too, but that
    deduplicates in the engine only while the message is buffered.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        Index("uq_inbox_dedupe_key", "dedupe_key", unique=True),
        Index("ix_inbox_unpublished", "id", postgresql_where=text("published_at IS NULL AND refused_at IS NULL")),
        Index("ix_inbox_refused", "id", postgresql_where=text("refused_at IS NOT NULL")),
        Index("ix_inbox_matched", "correlation_key", "message_name", postgresql_where=text("matched IS NOT NULL")),
        Index("ix_inbox_unmatched", "id", postgresql_where=text("matched IS FALSE")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    source: Mapped[str]
    process: Mapped[str]
    message_name: Mapped[str]
    correlation_key: Mapped[str]
    time_to_live_ms: Mapped[int]
    variables: Mapped[dict[str, Any]]
    dedupe_key: Mapped[str]
    body_sha256: Mapped[bytes]
    trace_id: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    deliveries: Mapped[int] = mapped_column(server_default=text("1"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None]
    published_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    matched: Mapped[bool | None]
    """Whether an instance has taken a message of this name and key; None where nobody asks (see unmatched.py)."""


class ApiRequest(Base):
    """An API caller's request by its Idempotency-Key, with the answer that a repetition gets again."""

    __tablename__ = "api_requests"

    caller: Mapped[str] = mapped_column(primary_key=True)
    """Hash of the token that was used, never the token."""
    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[bytes]
    response: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EffectState(StrEnum):
    """Where an effect stands."""

    INTENDED = "intended"
    """Recorded before the provider is called; found after a crash it means: perhaps executed."""
    DONE = "done"
    NOT_EXECUTED = "not_executed"
    """The provider said so; may be intended again."""
    UNKNOWN = "unknown"
    """The provider's answer did not arrive: settled by asking, never by trying blindly."""
    STOPPED = "stopped"
    """Stopped before it happened; never to be executed any more."""


class Effect(Base):
    """One change of the outside world. `key` is its business identity, the same however often a job runs."""

    __tablename__ = "effects"
    __table_args__ = (
        Index("ix_effects_case_id", "case_id"),
        Index("ix_effects_unsettled", "state", postgresql_where=text("state IN ('intended', 'unknown')")),
        Index(
            "ix_effects_parcel",
            text("(request ->> 'tracking_number')"),
            postgresql_where=text("kind = 'fulfillment'"),
        ),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    case_id: Mapped[str]
    state: Mapped[str]
    request: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    attempts: Mapped[int] = mapped_column(server_default=text("1"))
    intended_at: Mapped[datetime] = mapped_column(server_default=func.now())
    settled_at: Mapped[datetime | None]


class Case(Base):
    """One order on its way. State and money as far as known; the way it went is its timeline.

    Several process instances may be under way for it. State, outcome and times are made of all of them.
    """

    __tablename__ = "cases"
    __table_args__ = (
        Index("ix_cases_process_instance_key", "process_instance_key"),
        Index("ix_cases_opened_at_id", "opened_at", "id"),
        Index("ix_cases_state_opened_at_id", "state", "opened_at", "id"),
        Index("ix_cases_outcome_opened_at_id", "outcome", "opened_at", "id"),
        Index("ix_cases_closed_at_id", "closed_at", "id", postgresql_where=text("closed_at IS NOT NULL")),
        Index("ix_cases_order_number", "order_number", postgresql_ops={"order_number": "text_pattern_ops"}),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """The shop's order id; the correlation key of an instance whose order is not known yet."""
    process: Mapped[str]
    process_instance_key: Mapped[int | None]
    """The newest instance that is open and that no other one called; when none is open, the newest."""
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    """open, incident, done, or terminated."""
    outcome: Mapped[str | None]
    """That of the instance that ended last."""
    order_number: Mapped[str | None]
    currency: Mapped[str | None]
    total_minor: Mapped[int | None]
    cost_minor: Mapped[int | None]
    shop_order: Mapped[dict[str, Any] | None]
    """The order as the shop had it when it was last read, personal data included: what was checked is bought."""
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class TimelineEntry(Base):
    """What happened when, one sentence each. `key` makes an entry that is written again the same entry."""

    __tablename__ = "timeline"
    __table_args__ = (Index("uq_timeline_case_id_key", "case_id", "key", unique=True),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    case_id: Mapped[str]
    key: Mapped[str]
    kind: Mapped[str]
    sentence: Mapped[str]
    facts: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When we learnt it."""
    source: Mapped[str] = mapped_column(server_default=text("'worker'"))
    """Who tells it: worker, engine, or api."""
    actor: Mapped[str | None]
    """The person who did it."""
    process_instance_key: Mapped[int | None]
    element_id: Mapped[str | None]
    salt: Mapped[UUID | None] = mapped_column(server_default=func.gen_random_uuid())
    """So that nobody can guess from a digest what was erased; goes with it."""
    erased_at: Mapped[datetime | None]
    """Setting it is the one change there is: the database then blanks sentence, facts, actor and salt."""
    erased_digest: Mapped[bytes | None]
    """What they were sealed by; see docs/reference/audit.md."""


class CustomerRequest(Base):
    """A question to a customer behind a signed link: answered once, open until it expires or is closed."""

    __tablename__ = "customer_requests"
    __table_args__ = (Index("ix_customer_requests_case_id", "case_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """Correlation key of the one message that answers it."""
    case_id: Mapped[str]
    kind: Mapped[str]
    facts: Mapped[dict[str, Any]]
    """What the page shows: the address to correct, the order number."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    """Set when the answer came another way, for instance from an agent."""


class Task(Base):
    """A user task as the engine last told us."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("ix_tasks_open", "process_instance_key", postgresql_where=text("state = 'open'")),
        Index("ix_tasks_process_instance_key", "process_instance_key"),
        Index(
            "ix_tasks_due",
            text("coalesce(due_at, 'infinity'::timestamptz)"),
            "key",
            postgresql_where=text("state = 'open'"),
        ),
    )

    key: Mapped[int] = mapped_column(primary_key=True)
    process: Mapped[str]
    process_instance_key: Mapped[int]
    element_id: Mapped[str]
    form_key: Mapped[int | None]
    """The version of its form, in `definitions`."""
    state: Mapped[str]
    """open, completed, or canceled."""
    assignee: Mapped[str | None]
    candidate_groups: Mapped[list[str]]
    due_at: Mapped[datetime | None]
    priority: Mapped[int]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Incident(Base):
    """Something an operator has to look at, as the engine last told us."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index("ix_incidents_process_instance_key", "process_instance_key"),
        Index("ix_incidents_unresolved", "process", "element_id", postgresql_where=text("resolved_at IS NULL")),
    )

    key: Mapped[int] = mapped_column(primary_key=True)
    process: Mapped[str]
    process_instance_key: Mapped[int]
    element_id: Mapped[str]
    job_key: Mapped[int | None]
    """The job that needs retries again; None when a mapping or a gateway failed."""
    error_type: Mapped[str]
    message: Mapped[str]
    created_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
