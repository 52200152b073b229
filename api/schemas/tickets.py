"""Tickets: what helpdesk, mail service, chat and programs send us, and how we show them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.common import Answer, Asked
from workers.adapters.ticket_texts import MOST_ADDRESS, MOST_NAME, MOST_SUBJECT
from workers.casefile.ticket_models import Author, Channel, TicketState
from workers.contracts.fulfillment import ONE_LINE

OUTSIDE_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
EMAIL = r"^[^\s\x00-\x1f\x7f<>\"(),:;@\[\]\\]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"


class ZendeskEvent(BaseModel):
    """A ticket was created, or commented on: an event of Zendesk's, or what a trigger sends."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str = Field(
        max_length=200, description="Ends in `ticket.created`, `ticket.comment_added`, `new_ticket`, …"
    )
    detail: dict[str, Any] | None = Field(None, description="The ticket; triggers call it `ticket`.")
    ticket: dict[str, Any] | None = None
    event: dict[str, Any] | None = Field(
        None, description="With the `comment`; triggers have it beside the ticket."
    )
    comment: dict[str, Any] | None = None


class InboundMail(BaseModel):
    """A mail as a mail service parsed it. Fields of a form, or of a JSON object; any others are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    timestamp: str = Field(description="Seconds since 1970.")
    token: str
    signature: str = Field(description="HMAC-SHA256 of timestamp and token, in hex.")
    sender: str = Field(description="`from` is preferred.")
    subject: str = ""
    message_id: str = Field("", alias="Message-Id")
    in_reply_to: str = Field("", alias="In-Reply-To")
    references: str = Field("", alias="References")
    body_plain: str = Field("", alias="body-plain")
    stripped_text: str = Field("", alias="stripped-text", description="Preferred: without what the mail quotes.")


class ChatMessage(BaseModel):
    """What a customer said in a chat."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    conversation_id: str = Field(pattern=OUTSIDE_ID)
    message_id: str = Field(pattern=OUTSIDE_ID)
    email: str = Field("", description="Empty as long as they have not told it.")
    name: str = ""
    text: str


class TicketAsked(Asked):
    """What a customer said, on the phone for instance: a new ticket, or more of one that came this way."""

    ticket_id: Annotated[
        str | None,
        Field(pattern=OUTSIDE_ID, examples=["4711"], description="Yours or ours; without it, a new one."),
    ] = None
    message_id: Annotated[
        str | None,
        Field(pattern=OUTSIDE_ID, description="The same id is the same message; else the same key."),
    ] = None
    channel: Literal["phone", "form", "social", "mail", "chat", "api"] = "api"
    email: str = Field(pattern=EMAIL, max_length=MOST_ADDRESS, examples=["ada@example.com"])
    name: str = Field("", max_length=MOST_NAME, pattern=ONE_LINE, examples=["Ada Example"])
    subject: str = Field("", max_length=MOST_SUBJECT, pattern=ONE_LINE, examples=["Where is my lamp?"])
    text: str = Field(min_length=1, examples=["It should have come on Monday."])


class TicketAnswer(Answer):
    """Where a message is now; nulls for what is no customer's message."""

    ticket_id: str | None = Field(examples=["zendesk-35436"])
    message_number: str | None = Field(examples=["17"])
    duplicate: bool = Field(description="Whether it was there before; then nothing new happens.")


class TicketAccepted(Answer):
    """A message that is stored; a process decides what becomes of it."""

    id: str = Field(description="GET /tickets/{id} shows the ticket.", examples=["api-4711"])
    message_number: str = Field(examples=["17"])
    status: str = Field("accepted", examples=["accepted"])
    duplicate: bool = Field(description="Whether the same message was there before; then nothing new happens.")


class MessageInfo(Answer):
    """What was written. Plain text, whatever stands in it."""

    number: str
    author: Author
    text: str
    sent_at: datetime | None = Field(description="As the sender says.")
    received_at: datetime


class TicketInfo(Answer):
    """Where a ticket stands."""

    id: str = Field(examples=["zendesk-35436"])
    channel: Channel
    subject: str
    customer_email: str = Field(description="Lower case; empty when nobody told it.")
    customer_name: str
    state: TicketState
    opened_at: datetime
    solved_at: datetime | None
    closed_at: datetime | None
    follows: str | None = Field(description="The closed ticket to which the customer wrote more.")


class TicketDetail(TicketInfo):
    """A ticket with what was written."""

    messages: list[MessageInfo] = Field(description="The oldest first.")
    next: str | None = Field(description="Value of `after` for more messages; null when there are none.")


class TicketPage(Answer):
    """One page of tickets, by id."""

    tickets: list[TicketInfo]
    next: str | None = Field(description="Value of `after` for the next page; null on the last one.")


ZENDESK_EXAMPLE = {
    "type": "zen:event-type:ticket.comment_added",
    "detail": {"id": "35436", "subject": "Where is my lamp?", "requester_id": "8447388090494", "status": "OPEN"},
    "event": {
        "comment": {
            "id": "8510465294590",
            "body": "It should have come on Monday.",
            "is_public": True,
            "author": {"id": "8447388090494", "is_staff": False, "name": "Ada Example"},
        }
    },
}
MAIL_EXAMPLE = {
    "timestamp": "1772445600",
    "token": "50-random-characters",
    "signature": "hex",
    "sender": "ada@example.com",
    "from": "Ada Example <ada@example.com>",
    "subject": "Where is my lamp?",
    "Message-Id": "<CAJ7Lh@mail.example.com>",
    "body-plain": "It should have come on Monday.",
}
CHAT_EXAMPLE = {
    "conversation_id": "c-1029",
    "message_id": "m-1",
    "email": "ada@example.com",
    "name": "Ada Example",
    "text": "Where is my lamp?",
}
