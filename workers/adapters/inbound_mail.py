"""A customer's mail as a mail service hands it over: fields named by Mailgun, or by the mail's own headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from workers.adapters.ticket_texts import MOST_SUBJECT, address_in, from_html, one_line, plain
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Written, short, ticket_id_of

Fields = Mapping[str, str]
MOST_REFERENCES = 50

_MESSAGE_ID = re.compile(r"<([^<>\s]{1,998})>")
_OURS = re.compile(r"\[ticket ([a-z]+-[A-Za-z0-9._-]{1,180})\]", re.IGNORECASE)
_MACHINE_MADE = frozenset({"bulk", "junk", "auto_reply"})


@dataclass(frozen=True, slots=True)
class InboundMail:
    """A mail, and what it says it belongs to."""

    written: Written
    """In the ticket of the conversation's first mail, whether we have that or not."""
    answers: tuple[str, ...]
    """Our ids of the messages it refers to: of the same sender's only, since the sender is part of them."""
    names: str | None
    """The ticket named in its subject."""


def read(fields: Fields) -> InboundMail | None:
    """The mail; None for what a machine wrote by itself, an absence for instance. ValueError without a sender."""
    told = {name.lower(): text for name, text in fields.items()}
    if _by_a_machine(told):
        return None
    name, email = _sender(told)
    subject = one_line(told.get("subject", ""), MOST_SUBJECT)
    text = _text(told)
    own = _ids(told.get("message-id", ""))
    refers = (*_ids(told.get("references", "")), *_ids(told.get("in-reply-to", "")))[:MOST_REFERENCES]
    this = own[0] if own else f"{told.get('date', '')}\n{subject}\n{text}"
    first = refers[0] if refers else this
    written = Written(
        ticket_id=ticket_id_of(Channel.MAIL, _known_as(email, first)),
        message_id=_known_as(email, this),
        channel=Channel.MAIL,
        email=email,
        name=name,
        subject=subject,
        text=text,
        sent_at=_date(told),
    )
    named = _OURS.search(subject)
    return InboundMail(written, tuple(_known_as(email, each) for each in refers), named[1] if named else None)


def _known_as(email: str, message_id: str) -> str:
    """The sender is part of it: nobody's mail is mixed up with somebody else's who claims the same id."""
    return short(f"{email}\n{message_id}")


def _sender(told: Fields) -> tuple[str, str]:
    """Whom the mail is from, as its header says; else who the mail service says has sent it."""
    try:
        return address_in(told.get("from", ""))
    except ValueError:
        return address_in(told.get("sender", ""))


def _text(told: Fields) -> str:
    """Without what it quotes, where the mail service could tell it."""
    for name in ("stripped-text", "body-plain", "text"):
        if told.get(name, "").strip():
            return plain(told[name])
    return plain(from_html(told.get("stripped-html") or told.get("body-html") or told.get("html") or ""))


def _by_a_machine(told: Fields) -> bool:
    """An answer to such a mail would be answered by a machine, for ever."""
    submitted = told.get("auto-submitted", "").strip().lower() or "no"
    return submitted != "no" or told.get("precedence", "").strip().lower() in _MACHINE_MADE


def _ids(header: str) -> list[str]:
    return _MESSAGE_ID.findall(header[:50_000])


def _date(told: Fields) -> datetime | None:
    try:
        at = parsedate_to_datetime(told.get("date", ""))
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
