"""The books of those who help the shop's customers: helpdesk, alerting service, team chat, advertising."""

from datetime import datetime

from sqlalchemy import Identity, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from workers.adapters.mock_books import NOW, Base, KeyedRow


class TicketRow(Base):
    """A ticket at the helpdesk; it is there as soon as anything is done with it."""

    __tablename__ = "tickets"
    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(server_default="", index=True)
    """Lower case."""
    subject: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="open")
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    solved_at: Mapped[datetime | None]


class ReplyRow(KeyedRow):
    """An answer to a customer."""

    __tablename__ = "replies"
    number: Mapped[int] = mapped_column(Identity(start=800001))
    ticket_id: Mapped[str] = mapped_column(index=True)
    body: Mapped[str]
    language: Mapped[str]
    sent_at: Mapped[datetime] = mapped_column(server_default=NOW)


class AlertRow(KeyedRow):
    """A push to somebody's phone, as it is shown there."""

    __tablename__ = "alerts"
    number: Mapped[int] = mapped_column(Identity(start=400001))
    to: Mapped[str] = mapped_column(index=True)
    message: Mapped[str]
    level: Mapped[str]
    sent_at: Mapped[datetime] = mapped_column(server_default=NOW)


class PostRow(KeyedRow):
    """A post in the team's chat, as Slack got it."""

    __tablename__ = "posts"
    number: Mapped[int] = mapped_column(Identity(start=200001))
    channel: Mapped[str] = mapped_column(index=True)
    text: Mapped[str]
    posted_at: Mapped[datetime] = mapped_column(server_default=NOW)


class CampaignRow(Base):
    """A campaign; it runs unless people paused it, or somebody holds it."""

    __tablename__ = "campaigns"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    product: Mapped[str] = mapped_column(index=True)
    paused: Mapped[bool] = mapped_column(server_default=text("false"))
    """By people."""
    holds: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    """Keys under which it was paused by programs."""
