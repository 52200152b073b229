"""What Zendesk tells of a ticket, as a customer's message: its own events, and the bodies that triggers send.

Only what the requester or another end user writes publicly is a customer's message.
"""

from collections.abc import Mapping
from typing import Any

from workers.adapters.ticket_texts import MOST_NAME, MOST_SUBJECT, address_in, from_html, moment, one_line, plain
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Written, ticket_id_of

Json = Mapping[str, Any]
CREATED = frozenset({"ticket.created", "ticket_created", "new_ticket"})
COMMENTED = frozenset({"ticket.comment_added", "ticket_comment_added", "comment_added", "new_comment"})
FIRST = "created"
"""Stands for the id of a ticket's first message, which Zendesk does not tell with the ticket."""


def read(value: Json) -> Written | None:
    """The message; None for what is none of a customer's. ValueError when ticket or comment cannot be told."""
    kind = _text(value.get("type")).rpartition(":")[2]
    if kind not in CREATED | COMMENTED:
        return None
    ticket = _part(value, "detail") or _part(value, "ticket")
    comment = _comment(value, ticket)
    if kind in COMMENTED and comment:
        return (
            _written(ticket, _number(comment, "comment"), _body(comment), comment)
            if _public(ticket, comment)
            else None
        )
    if kind in COMMENTED:
        raise ValueError("it has no comment")
    by_customer = ticket.get("is_public") is not False and _by_requester(ticket)
    return _written(ticket, FIRST, _body(ticket) or _body(comment), ticket) if by_customer else None


def _written(ticket: Json, message_id: str, text: str, dated: Json) -> Written:
    name, email = _customer(ticket)
    return Written(
        ticket_id=ticket_id_of(Channel.ZENDESK, _number(ticket, "ticket")),
        message_id=message_id,
        channel=Channel.ZENDESK,
        email=email,
        name=name,
        subject=one_line(_text(ticket.get("subject")) or _text(ticket.get("title")), MOST_SUBJECT),
        text=plain(text),
        sent_at=moment(_text(dated.get("created_at"))),
    )


def _comment(value: Json, ticket: Json) -> Json:
    """Where events and triggers have it."""
    return (
        _part(_part(value, "event"), "comment") or _part(value, "comment") or _part(ticket, "latest_comment")
        or _part(ticket, "comment")
    )  # fmt: skip


def _public(ticket: Json, comment: Json) -> bool:
    """Seen by the customer, and written by them or another end user."""
    seen = [comment.get(name) for name in ("is_public", "public")]
    author = _part(comment, "author")
    by = _text(author.get("id")) or _text(comment.get("author_id"))
    requester = _text(ticket.get("requester_id")) or _text(_part(ticket, "requester").get("id"))
    return (
        True in seen and False not in seen and (author.get("is_staff") is False or (bool(by) and by == requester))
    )


def _by_requester(ticket: Json) -> bool:
    """Unless an agent has written it down for them."""
    requester, submitter = _text(ticket.get("requester_id")), _text(ticket.get("submitter_id"))
    return not (requester and submitter) or requester == submitter


def _customer(ticket: Json) -> tuple[str, str]:
    """Name and address of the requester, empty where Zendesk does not tell them."""
    requester, source = _part(ticket, "requester"), _part(_part(_part(ticket, "via"), "source"), "from")
    name = _text(requester.get("name")) or _text(ticket.get("requester_name")) or _text(source.get("name"))
    told = (requester.get("email"), ticket.get("requester_email"), source.get("address"))
    email = next((text for each in told if (text := _text(each))), "")
    return one_line(name, MOST_NAME), address_in(email)[1] if email else ""


def _body(part: Json) -> str:
    for name in ("plain_body", "body", "value", "description"):
        if text := _text(part.get(name)):
            return text
    return from_html(_text(part.get("html_body")))


def _number(part: Json, what: str) -> str:
    number = _text(part.get("id"))
    if not (number.isascii() and number.isdecimal() and len(number) <= 19):
        raise ValueError(f"the {what} has no id")
    return number


def _part(value: Json, name: str) -> Json:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}


def _text(value: object) -> str:
    """Texts and whole numbers as text, anything else as nothing."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
