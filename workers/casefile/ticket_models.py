"""Tables of schema `orderops` about what customers write to us: tickets and their messages."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from workers.casefile.models import Base


class Channel(StrEnum):
    """The way a ticket came."""

    ZENDESK = "zendesk"
    MAIL = "mail"
    CHAT = "chat"
    PHONE = "phone"
    FORM = "form"
    SOCIAL = "social"
    API = "api"


class TicketState(StrEnum):
    """Where a ticket stands with us."""

    OPEN = "open"
    SOLVED = "solved"
    """Answered; the customer may still write more."""
    CLOSED = "closed"
    """For good: what the customer writes to it opens another one that follows it."""


class Author(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    AGENT = "agent"
    """A person of ours, or we in their place."""


class Ticket(Base):
    """Something a customer wants of us."""

    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_customer_email", "customer_email", "opened_at"),
        Index("ix_tickets_state_id", "state", "id"),
        Index("uq_tickets_follows", "follows", unique=True),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """The channel's name and its own id, so that it is never an order's number; the id of its case, too."""
    channel: Mapped[str]
    subject: Mapped[str]
    customer_email: Mapped[str]
    """Lower case; empty when nobody told it."""
    customer_name: Mapped[str]
    state: Mapped[str] = mapped_column(server_default=text("'open'"))
    opened_at: Mapped[datetime] = mapped_column(server_default=func.now())
    solved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    follows: Mapped[str | None]
    """The closed ticket to which the customer wrote more; one ticket follows another."""


class TicketMessage(Base):
    """What was written. Never deleted, so that a message that is delivered again is the same for ever."""

    __tablename__ = "ticket_messages"
    __table_args__ = (
        Index("uq_ticket_messages_ticket_id_message_id", "ticket_id", "message_id", unique=True),
        Index("ix_ticket_messages_message_id", "message_id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    """Its number: of two messages of a ticket, the later one has the greater."""
    ticket_id: Mapped[str]
    message_id: Mapped[str]
    """What the channel calls it; of a mail, a hash."""
    author: Mapped[str] = mapped_column(server_default=text("'customer'"))
    text: Mapped[str]
    """As plain text, whatever stands in it."""
    sent_at: Mapped[datetime | None]
    """As the sender says."""
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    answers: Mapped[int | None]
    """Of an answer, the number of the customer's newest message that it is to; None when that was not kept."""
