"""Webhooks of helpdesk, mail service and chat: verified, stored, committed, and only then answered 200.

A customer's message is taken once for ever. Whatever they write is text; the engine gets its number only.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header, Request
from pydantic import SecretStr
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from api import body, mail_fields, signatures, strict_json
from api.errors import Problem
from api.intake import Intake
from api.schemas.common import BODY_PROBLEMS, problems
from api.schemas.tickets import (
    CHAT_EXAMPLE,
    MAIL_EXAMPLE,
    ZENDESK_EXAMPLE,
    ChatMessage,
    TicketAnswer,
    ZendeskEvent,
)
from workers.adapters import inbound_mail, zendesk_events
from workers.adapters.inbound_mail import InboundMail
from workers.adapters.ticket_texts import MOST_NAME, address_in, moment, one_line, plain
from workers.casefile import tickets
from workers.casefile.models import ApiRequest
from workers.casefile.ticket_models import Channel
from workers.casefile.tickets import Taken, Written

T = TypeVar("T")

router = APIRouter(tags=["Webhooks"])

JSON = frozenset({"application/json"})
NOTHING = TicketAnswer(ticket_id=None, message_number=None, duplicate=False)
MAILS = "webhook:mail"
"""Whose tokens are kept among those of callers."""


def _described(model: str, example: dict[str, Any], *also: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model}"}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content | {each: {"schema": schema} for each in also}}}


@router.post(
    "/webhooks/zendesk",
    summary="A ticket was opened or commented on",
    responses=problems("bad-signature", *BODY_PROBLEMS),
    openapi_extra=_described("ZendeskEvent", ZENDESK_EXAMPLE),
)
async def from_zendesk(
    request: Request,
    intake: Annotated[Intake, Depends()],
    x_zendesk_webhook_signature: Annotated[str, Header(description="HMAC of timestamp and body, base64")] = "",
    x_zendesk_webhook_signature_timestamp: Annotated[str, Header(description="When, RFC 3339")] = "",
) -> TicketAnswer:
    """Idempotent by ticket and comment, for ever. What the requester or another end user writes publicly is taken;
    notes, agents' comments and other events are answered 200 and not stored."""
    raw = await body.read(request, types=JSON)
    header, timestamp = "X-Zendesk-Webhook-Signature", x_zendesk_webhook_signature_timestamp
    secrets = intake.settings.zendesk_secrets
    signed = timestamp.encode("latin-1") + raw
    signatures.verify(signed, x_zendesk_webhook_signature, secrets, written=_in_base64, header=header)
    at = moment(timestamp)
    signatures.verify_age(str(int(at.timestamp())) if at else "", header=f"{header}-Timestamp")
    value = strict_json.parse(raw, mend=True)
    body.fit(ZendeskEvent, value)
    written = _or_invalid(lambda: zendesk_events.read(value))
    return _answer(await intake.take(_as(written), raw)) if written else NOTHING


@router.post(
    "/webhooks/mail",
    summary="A customer has sent a mail",
    responses=problems("bad-signature", *BODY_PROBLEMS),
    openapi_extra=_described("InboundMail", MAIL_EXAMPLE, "application/x-www-form-urlencoded", body.MULTIPART),
)
async def from_mail(request: Request, intake: Annotated[Intake, Depends()]) -> TicketAnswer:
    """Idempotent by sender and message id, for ever. It belongs to the sender's ticket that it refers to, or that
    its subject names as `[ticket mail-…]`; else it opens one. Files are left out."""
    secrets = signatures.some(intake.settings.mail_secrets)
    sent = await mail_fields.read(request)
    _verify_mail(sent.claimed, secrets)
    fields = sent.fields()
    mail = _or_invalid(lambda: inbound_mail.read(fields))
    if mail is None:
        return NOTHING

    async def find(session: AsyncSession) -> Written:
        await _only_for(session, fields.get("token", ""), mail)
        return await _in_its_ticket(session, mail)

    return _answer(await intake.take(find, sent.raw))


@router.post(
    "/webhooks/chat",
    summary="A customer says something in a chat",
    responses=problems("bad-signature", *BODY_PROBLEMS),
    openapi_extra=_described("ChatMessage", CHAT_EXAMPLE),
)
async def from_chat(
    request: Request,
    intake: Annotated[Intake, Depends()],
    x_orderops_timestamp: Annotated[str, Header(description="Seconds since 1970, signed with the body")] = "",
    x_orderops_signature: Annotated[str, Header(description="HMAC of timestamp, a dot and the body, in hex")] = "",
) -> TicketAnswer:
    """Idempotent by conversation and message, for ever."""
    raw = await body.read(request, types=JSON)
    signatures.verify_ours(raw, x_orderops_timestamp, x_orderops_signature, intake.settings.chat_secrets)
    said = body.fit(ChatMessage, strict_json.parse(raw, mend=True))
    written = Written(
        ticket_id=tickets.ticket_id_of(Channel.CHAT, said.conversation_id),
        message_id=said.message_id,
        channel=Channel.CHAT,
        email=_or_invalid(lambda: address_in(said.email)[1]) if said.email else "",
        name=one_line(said.name, MOST_NAME),
        subject="",
        text=plain(said.text),
    )
    return _answer(await intake.take(_as(written), raw))


def _in_base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _verify_mail(claimed: Mapping[str, str], secrets: Sequence[SecretStr]) -> None:
    """401 unless timestamp and token are signed, and the timestamp is of now."""
    timestamp, token, signature = (claimed.get(name, "") for name in ("timestamp", "token", "signature"))
    signed = (timestamp + token).encode("utf-8", "replace")
    ascii_only = signature if signature.isascii() else ""
    signatures.verify(signed, ascii_only, secrets, written=bytes.hex, header="The signature")
    signatures.verify_age(timestamp, header="The timestamp")


def _or_invalid(read: Callable[[], T]) -> T:
    """422 for what cannot be told, without what was sent."""
    try:
        return read()
    except ValueError as error:
        raise Problem("invalid", f"The message cannot be taken: {error}.") from None


def _as(written: Written) -> Callable[[AsyncSession], Awaitable[Written]]:
    async def find(_: AsyncSession) -> Written:
        return written

    return find


async def _in_its_ticket(session: AsyncSession, mail: InboundMail) -> Written:
    """Nobody gets into another one's ticket, whatever they refer to."""
    found = await tickets.ticket_with(session, mail.written.email, mail.answers, mail.names)
    return mail.written.to(await tickets.first_of_line(session, found)) if found else mail.written


async def _only_for(session: AsyncSession, token: str, mail: InboundMail) -> None:
    """401 when the token came with another mail before: it is signed, and the mail itself is not."""
    key, of_mail = tickets.short(token, 64), hashlib.sha256(mail.written.message_id.encode()).digest()
    new = insert(ApiRequest).values(caller=MAILS, idempotency_key=key, request_sha256=of_mail, response={})
    await session.execute(new.on_conflict_do_nothing())
    known = await session.get(ApiRequest, (MAILS, key))
    if known is None or known.request_sha256 != of_mail:
        raise Problem("bad-signature", "The token was sent with another mail before.")


def _answer(taken: Taken) -> TicketAnswer:
    return TicketAnswer(
        ticket_id=taken.ticket_id, message_number=str(taken.number), duplicate=not taken.new_message
    )
