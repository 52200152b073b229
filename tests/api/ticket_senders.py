"""Zendesk, a mail service and a chat, as they post to us: signed, and in their own shapes."""

import base64
import hashlib
import hmac
import itertools
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from tests.api.conftest import SECRET

_numbers = itertools.count(uuid.uuid4().int % 10**12 + 10**12)


def new_number() -> int:
    return next(_numbers)


def digest(message: bytes, secret: str) -> bytes:
    return hmac.digest(secret.encode(), message, hashlib.sha256)


def as_sent(headers: dict[str, str]) -> dict[bytes, bytes]:
    """As they go over the wire, characters beyond ASCII included."""
    return {name.encode(): value.encode("latin-1") for name, value in headers.items()}


def opened(**changes: Any) -> dict[str, Any]:
    """A ticket was opened at Zendesk."""
    ticket = {
        "id": new_number(),
        "subject": "Where is my lamp?",
        "description": "It should have come.",
        "requester_id": 77,
        "submitter_id": 77,
        "requester": {"name": "Ada Example", "email": "Ada@Example.com"},
    }
    return {"type": "new_ticket", "ticket": {**ticket, **changes}}


def commented(ticket: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """And commented on."""
    comment = {"id": new_number(), "body": "Hello?", "is_public": True, "author": {"id": 77, "is_staff": False}}
    detail = {name: value for name, value in ticket["ticket"].items() if name != "description"}
    event = {"comment": {**comment, **changes}}
    return {"type": "zen:event-type:ticket.comment_added", "detail": detail, "event": event}


async def from_zendesk(
    client: httpx.AsyncClient, body: Any, secret: str = SECRET, *, at: float | str = 0.0, **headers: str
) -> httpx.Response:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    moment = datetime.now(UTC) + timedelta(seconds=at) if isinstance(at, float) else None
    timestamp = moment.isoformat().replace("+00:00", "Z") if moment else str(at)
    signature = base64.b64encode(digest(timestamp.encode("latin-1") + raw, secret)).decode()
    told = {
        "Content-Type": "application/json",
        "X-Zendesk-Webhook-Signature": signature,
        "X-Zendesk-Webhook-Signature-Timestamp": timestamp,
        **headers,
    }
    return await client.post("/webhooks/zendesk", content=raw, headers=as_sent(told))


def a_mail(**changes: str) -> dict[str, str]:
    """A mail's fields; underscores stand for hyphens."""
    mail = {
        "sender": "ada@example.com",
        "from": "Ada Example <ada@example.com>",
        "subject": "Where is my lamp?",
        "Message-Id": f"<{new_number()}@example.com>",
        "body-plain": "It should have come.",
    }
    return mail | {name.replace("_", "-"): text for name, text in changes.items()}


def signed_mail(mail: dict[str, str], secret: str = SECRET, at: float | str | None = None) -> dict[str, str]:
    timestamp = at if isinstance(at, str) else str(int(time.time() + (at or 0)))
    token = uuid.uuid4().hex
    return {
        "timestamp": timestamp,
        "token": token,
        "signature": digest((timestamp + token).encode("utf-8"), secret).hex(),
        **mail,
    }


async def from_mail(
    client: httpx.AsyncClient, mail: dict[str, str], secret: str = SECRET, *, at: float | str | None = None
) -> httpx.Response:
    """As a form, the usual way."""
    return await post_mail(client, urlencode(signed_mail(mail, secret, at)).encode())


async def post_mail(
    client: httpx.AsyncClient, raw: bytes, content_type: str = "application/x-www-form-urlencoded"
) -> httpx.Response:
    return await client.post("/webhooks/mail", content=raw, headers={"Content-Type": content_type})


def in_parts(fields: dict[str, str], files: dict[str, bytes], boundary: str = "xYz") -> bytes:
    """As multipart/form-data."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    parts += [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="a.jpg"\r\n\r\n'.encode()
        + content + b"\r\n"
        for name, content in files.items()
    ]  # fmt: skip
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def said(**changes: Any) -> dict[str, Any]:
    """Something in a chat."""
    chat = {
        "conversation_id": f"c{new_number()}",
        "message_id": f"m{new_number()}",
        "email": "Ada@example.com",
        "name": "Ada Example",
        "text": "Where is my lamp?",
    }
    return {**chat, **changes}


async def from_chat(
    client: httpx.AsyncClient, body: Any, secret: str = SECRET, *, at: float | str = 0.0, **headers: str
) -> httpx.Response:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    timestamp = str(int(time.time() + at)) if isinstance(at, float) else str(at)
    told = {
        "Content-Type": "application/json",
        "X-Orderops-Timestamp": timestamp,
        "X-Orderops-Signature": digest(timestamp.encode("latin-1") + b"." + raw, secret).hex(),
        **headers,
    }
    return await client.post("/webhooks/chat", content=raw, headers=as_sent(told))
