"""What customers write, told by those who hand it over to us."""

import secrets
from dataclasses import dataclass
from typing import Annotated

import typer

from workers.adapters import inbound_mail
from workers.runtime.errors import UserError
from workers.runtime.mocked.screen import console
from workers.runtime.mocked.webhooks import Webhook, tell

WRITE_HELP = """Let a customer write to us. Mail service, chat or Zendesk tells us by its webhook, if the api runs.

Examples:

  orderops mock write "Where is my lamp?" --from ada@example.com --subject "My lamp"

  orderops mock write "Hello?" --from ada@example.com --ticket mail-0123456789abcdef01234567
"""
CHANNELS = ("mail", "chat", "zendesk")


@dataclass(frozen=True, slots=True)
class Letter:
    """What somebody writes, and by which channel."""

    channel: str
    email: str
    name: str
    subject: str
    text: str


def webhook(letter: Letter, ticket_id: str | None = None) -> tuple[Webhook, str]:
    """How we are told, and the ticket it should get into; that of `ticket_id`, or else a new one."""
    match letter.channel:
        case "mail":
            return _by_mail(letter, ticket_id)
        case "chat":
            return _by_chat(letter, ticket_id)
        case _:
            return _by_zendesk(letter, ticket_id)


def write_command(
    text: Annotated[str, typer.Argument(help="What they write.", metavar="TEXT")],
    email: Annotated[str, typer.Option("--from", help="Their mail address.")],
    name: Annotated[str, typer.Option(help="Their name.")] = "",
    subject: Annotated[str, typer.Option(help="What it is about.")] = "",
    channel: Annotated[str, typer.Option("--by", help="mail, chat or zendesk.")] = "mail",
    ticket: Annotated[str | None, typer.Option(help="More to this ticket of theirs.")] = None,
) -> None:
    """Write to us; WRITE_HELP explains it to people."""
    by = ticket.partition("-")[0] if ticket else channel
    if by not in CHANNELS:
        raise UserError(f"Nobody writes by {by}.", hint=f"It can be {', '.join(CHANNELS)}.")
    try:
        told, ticket_id = webhook(Letter(by, email, name, subject, text), ticket)
    except ValueError:
        raise UserError(f"{email} is no mail address.", hint="Write it as ada@example.com.") from None
    console.print(f"Ticket {ticket_id}, unless it is closed or somebody else's.", markup=False)
    tell(told, untold=False)


def add_to(mock: typer.Typer) -> None:
    """Adds the command."""
    mock.command("write", help=WRITE_HELP)(write_command)


def _by_mail(letter: Letter, ticket_id: str | None) -> tuple[Webhook, str]:
    content = {
        "sender": letter.email,
        "from": f"{letter.name} <{letter.email}>",
        "subject": f"{letter.subject} [ticket {ticket_id}]" if ticket_id else letter.subject,
        "Message-Id": f"<{secrets.token_hex(12)}@mail.example>",
        "body-plain": letter.text,
    }
    mail = inbound_mail.read(content)
    opens = mail.written.ticket_id if mail else ""
    return Webhook("/webhooks/mail", content, "mail"), ticket_id or opens


def _by_chat(letter: Letter, ticket_id: str | None) -> tuple[Webhook, str]:
    conversation = ticket_id.removeprefix("chat-") if ticket_id else secrets.token_hex(6)
    content = {
        "conversation_id": conversation,
        "message_id": secrets.token_hex(6),
        "email": letter.email,
        "name": letter.name,
        "text": letter.text,
    }
    return Webhook("/webhooks/chat", content, "chat"), f"chat-{conversation}"


def _by_zendesk(letter: Letter, ticket_id: str | None) -> tuple[Webhook, str]:
    number = ticket_id.removeprefix("zendesk-") if ticket_id else str(secrets.randbelow(10**9))
    requester = {"name": letter.name, "email": letter.email}
    ticket = {"id": number, "subject": letter.subject, "requester_id": 1, "requester": requester}
    comment = {"id": secrets.randbelow(10**12), "body": letter.text, "is_public": True, "author_id": 1}
    content = {"type": "new_comment", "ticket": ticket, "comment": comment}
    return Webhook("/webhooks/zendesk", content, "zendesk"), f"zendesk-{number}"
