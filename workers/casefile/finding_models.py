"""Tables of schema `orderops` about tickets: what was understood, decided and corrected, and what clocks know."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from workers.casefile.models import Base


class TicketAnalysis(Base):
    """What a ticket was understood to say when it came to this message of the customer's."""

    __tablename__ = "ticket_analyses"

    ticket_id: Mapped[str] = mapped_column(primary_key=True)
    message_number: Mapped[int] = mapped_column(primary_key=True)
    intent: Mapped[str]
    confidence: Mapped[float]
    anger: Mapped[int]
    language: Mapped[str | None]
    safety: Mapped[bool]
    shopify_order_id: Mapped[str | None]
    """The customer's own order that it is about, where that is sure."""
    analysis: Mapped[dict[str, Any]]
    """All of it, with the evidence: ports.analysis.Analysis. Personal data."""
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class TicketAnswer(Base):
    """What was decided about a ticket, and by whom."""

    __tablename__ = "ticket_answers"
    __table_args__ = (Index("ix_ticket_answers_at", "at"),)

    ticket_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str]
    """What the gate said: auto_reply, auto_refund, ask_human or escalate."""
    why: Mapped[str]
    decided_by: Mapped[str]
    """person:…, or process:resolution where nobody was asked."""
    decision: Mapped[str]
    """send, ask_customer, refund, escalate or no_answer."""
    draft: Mapped[str]
    """As it was proposed; empty where nothing was."""
    reply: Mapped[str]
    """What the customer was told, or is to be."""
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class TicketLabel(Base):
    """What a person said of a message otherwise than the analysis: models are judged by it."""

    __tablename__ = "ticket_labels"

    ticket_id: Mapped[str] = mapped_column(primary_key=True)
    message_number: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    """intent, anger or safety."""
    found: Mapped[str]
    corrected: Mapped[str]
    corrected_by: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())


class TicketEvent(Base):
    """What a ticket's clocks have to know; see casefile.sla."""

    __tablename__ = "ticket_events"
    __table_args__ = (
        Index("uq_ticket_events_ticket_id_key", "ticket_id", "key", unique=True),
        Index("ix_ticket_events_uncounted", "number", postgresql_where=text("NOT counted")),
    )

    number: Mapped[int] = mapped_column(Identity(), primary_key=True)
    ticket_id: Mapped[str]
    key: Mapped[str]
    """The same key is the same event."""
    what: Mapped[str]
    at: Mapped[datetime]
    priority: Mapped[str | None]
    """With it, the working time that it gives each clock."""
    first_response: Mapped[timedelta | None]
    update: Mapped[timedelta | None]
    resolution: Mapped[timedelta | None]
    counted: Mapped[bool] = mapped_column(server_default=text("false"))
    """On the board of figures."""


class TicketOutlook(Base):
    """What a clock of a ticket that is not closed shows, and when it will show something else by itself:
    sla_figures.Outlook. All of it follows from the ticket's events."""

    __tablename__ = "ticket_outlooks"

    ticket_id: Mapped[str] = mapped_column(primary_key=True)
    clock: Mapped[str] = mapped_column(primary_key=True)
    priority: Mapped[str]
    stand: Mapped[str]
    risky_from: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    took: Mapped[timedelta | None]


class SlaBoardRow(Base):
    """The figures as they were drawn last; there is one row."""

    __tablename__ = "sla_board"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    counted_by: Mapped[str]
    """Hours and rules by which outlooks were made."""
    figures: Mapped[dict[str, Any] | None]
    """sla_figures.Figures; None before the first."""
