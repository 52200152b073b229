"""Tables of schema `orderops` about what was escalated, and what may harm somebody."""

from datetime import datetime

from sqlalchemy import Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from workers.casefile.models import Base


class Escalation(Base):
    """A ticket that a person has to look at. A ticket may be escalated more than once."""

    __tablename__ = "escalations"
    __table_args__ = (
        Index("uq_escalations_process_instance_key", "process_instance_key", unique=True),
        Index("ix_escalations_ticket_id", "ticket_id"),
        Index("ix_escalations_open", "opened_at", postgresql_where=text("handled_at IS NULL")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """The ticket's id, and which of its escalations this is."""
    ticket_id: Mapped[str]
    process_instance_key: Mapped[int]
    why: Mapped[str]
    priority: Mapped[str]
    hazard: Mapped[str | None]
    product: Mapped[str | None]
    round: Mapped[int] = mapped_column(server_default=text("0"))
    """The last in which somebody was alerted."""
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    claimed_by: Mapped[str | None]
    claimed_at: Mapped[datetime | None]
    handled_by: Mapped[str | None]
    handled_at: Mapped[datetime | None]


class HazardReport(Base):
    """A ticket that tells that a product may harm somebody: one of each ticket, hazard and product."""

    __tablename__ = "hazard_reports"
    __table_args__ = (
        Index("uq_hazard_reports_ticket_id", "ticket_id", "hazard", "hazard_case", unique=True),
        Index("ix_hazard_reports_hazard_case", "hazard_case", "reported_at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    hazard_case: Mapped[str]
    """The case that gathers the product's reports."""
    product: Mapped[str]
    hazard: Mapped[str]
    ticket_id: Mapped[str]
    order_id: Mapped[str | None]
    reported_at: Mapped[datetime]
    """By the engine's clock."""
    episode: Mapped[int | None]
    """Once people decided about it: number of the first report that they decided about together."""
