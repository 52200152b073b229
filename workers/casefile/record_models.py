"""Tables of schema `orderops` that hold what the engine told us, and what is made of it for its own sake."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from workers.casefile.models import Base


class Record(Base):
    """What the engine told us, reduced to what we use: append-only, and what all else of it is made from.

    `value_type` and `intent` are the engine's words; `facts` are fields of the record under the engine's names.
    """

    __tablename__ = "records"
    __table_args__ = (Index("ix_records_process_instance_key", "process_instance_key"),)

    partition: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    happened_at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When we learnt it."""
    value_type: Mapped[str]
    intent: Mapped[str]
    key: Mapped[int]
    process_instance_key: Mapped[int | None]
    process: Mapped[str | None]
    element_id: Mapped[str | None]
    element_type: Mapped[str | None]
    facts: Mapped[dict[str, Any] | None]
    """None for elements and sequence flows: theirs are the columns. Called instances name the one that called."""


class SetAside(Base):
    """A record that nothing could be made of; a rebuild by a version that can takes it up."""

    __tablename__ = "set_aside"

    partition: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    error: Mapped[str]
    """Kind of the error, and the function it came from; no text of the record."""


class RecordPosition(Base):
    """How far the record stream of a partition has been taken in; what lies before is not taken in again."""

    __tablename__ = "record_positions"

    partition: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Instance(Base):
    """A process instance of a case: begun by a message, or called by another instance of the same case."""

    __tablename__ = "instances"
    __table_args__ = (
        Index("ix_instances_case_id", "case_id"),
        Index("ix_instances_process_case_id", "process", "case_id"),
        Index("ix_instances_correlation_key", "correlation_key"),
        Index("ix_instances_began_as", "began_as", postgresql_where=text("began_as IS NOT NULL")),
        Index("ix_instances_open", "process", "started_at", "key", postgresql_where=text("state = 'open'")),
    )

    key: Mapped[int] = mapped_column(primary_key=True)
    parent_key: Mapped[int | None]
    """The instance that called it; None when a message began it."""
    root_key: Mapped[int]
    """The instance that a message began and that it is called by, directly or not; it may be itself."""
    case_id: Mapped[str]
    began_as: Mapped[str | None]
    """The case it began as, under its correlation key, when its start did not say the order."""
    matched_at: Mapped[datetime | None]
    """When a job said the order, and it left that case for the order's."""
    correlation_key: Mapped[str | None]
    """Of the message that began it."""
    process: Mapped[str]
    definition_key: Mapped[int]
    """The version of the process that it goes by."""
    state: Mapped[str]
    """open, done, or terminated."""
    outcome: Mapped[str | None]
    """The word that its process registers for the end event reached last."""
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Definition(Base):
    """A version of a diagram, of decision tables or of a form, as it was deployed."""

    __tablename__ = "definitions"
    __table_args__ = (Index("ix_definitions_kind_id_version", "kind", "id", "version"),)

    key: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """process, decisions, or form."""
    id: Mapped[str]
    version: Mapped[int]
    resource: Mapped[str]
    """The file: BPMN, DMN or form."""
    deployed_at: Mapped[datetime]


class Decision(Base):
    """A decision that was made in an instance: which version, what came out, and by which rules."""

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_process_instance_key", "process_instance_key"),)

    partition: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    """Of its record."""
    process_instance_key: Mapped[int]
    process: Mapped[str]
    element_id: Mapped[str]
    decision: Mapped[str]
    name: Mapped[str]
    version: Mapped[int]
    output: Mapped[Any | None] = mapped_column(JSONB())
    tables: Mapped[list[Any]]
    """Decision tables it was made by, in their order: decision, name, and the rules that fired (index, id)."""
    decided_at: Mapped[datetime]


class WaitingJob(Base):
    """A job that the engine has and nobody has finished yet."""

    __tablename__ = "waiting_jobs"
    __table_args__ = (
        Index("ix_waiting_jobs_process_instance_key", "process_instance_key"),
        Index("ix_waiting_jobs_type_created_at", "type", "created_at"),
    )

    key: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    process: Mapped[str]
    process_instance_key: Mapped[int]
    element_id: Mapped[str]
    retries: Mapped[int]
    """Attempts that are left."""
    error: Mapped[str | None]
    """What the last failure said."""
    created_at: Mapped[datetime]
    failed_at: Mapped[datetime | None]
