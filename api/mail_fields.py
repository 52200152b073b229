"""The fields of a mail that a mail service hands over: as a form, with or without files, or as JSON."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request

from api import body, form_body, strict_json
from api.errors import Problem

TYPES = frozenset({"application/json", form_body.TYPE, body.MULTIPART})
MOST_FIELDS = 300

_BOUNDARY = re.compile(r"boundary=\"?([\w'()+,./:=? -]{1,70}?)\"?\s*(?:;|$)", re.IGNORECASE)
_NAME = re.compile(rb"[;\s]name=\"([^\"\r\n]{1,100})\"", re.IGNORECASE)
_FILE = re.compile(rb"[;\s]filename\*?=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail as it came. Nothing but the signature is to be read of `claimed`."""

    raw: bytes
    claimed: dict[str, str]
    is_json: bool

    def fields(self) -> dict[str, str]:
        """Each at its first appearance; files are left out. Costly, when it was made to be: verify it first."""
        return _flat(strict_json.parse(self.raw, mend=True)) if self.is_json else self.claimed


async def read(request: Request) -> Sent:
    """The body, and what it says of its signature."""
    raw = await body.read(request, types=TYPES)
    content_type = request.headers["content-type"]
    match content_type.partition(";")[0].strip().lower():
        case "application/json":
            return Sent(raw, _flat(strict_json.glance(raw)), is_json=True)
        case body.MULTIPART:
            return Sent(raw, _first(_from_parts(raw, content_type)), is_json=False)
    return Sent(raw, _first(_from_form(raw)), is_json=False)


def _flat(value: Any) -> dict[str, str]:
    """Texts and numbers; Mailgun has its signature in an object of its own."""
    if not isinstance(value, dict):
        raise Problem("invalid", "The body has to be an object.")
    signature = value.get("signature")
    flat = {**value, **signature} if isinstance(signature, dict) else value
    return {name: str(each) for name, each in flat.items() if isinstance(each, str | int)}


def _from_form(raw: bytes) -> Iterator[tuple[str, str]]:
    try:
        yield from parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise _malformed() from None


def _from_parts(raw: bytes, content_type: str) -> Iterator[tuple[str, str]]:
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise _malformed()
    delimiter = b"--" + boundary[1].encode()
    parts = (b"\r\n" + raw).split(b"\r\n" + delimiter)
    if len(parts) < 2 or len(parts) > MOST_FIELDS + 2:
        raise _malformed()
    for part in parts[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head[:2_000])
        if name and not _FILE.search(head[:2_000]):
            yield name[1].decode("utf-8", "replace"), content.decode("utf-8", "replace")


def _first(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, text in pairs:
        fields.setdefault(name, text)
    return fields


def _malformed() -> Problem:
    return Problem("invalid", "The form is not encoded as it should be.")
