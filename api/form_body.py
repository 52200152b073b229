"""Forms as browsers send them."""

from urllib.parse import parse_qsl

from fastapi import Request

from api import body
from api.errors import Problem

TYPE = "application/x-www-form-urlencoded"


async def read(request: Request) -> tuple[bytes, dict[str, str]]:
    """The body as it came and its fields; 422 for what no browser sends, 413 above 64 kB."""
    raw = await body.read(request, types=frozenset({TYPE}), limit=64 * 1024)
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise Problem("invalid", "The form is not encoded as it should be.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Problem("invalid", "The form has a field twice.")
    return raw, fields
