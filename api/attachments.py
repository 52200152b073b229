"""Files from outside: given out as downloads, never shown, whatever they or their names pretend to be."""

import unicodedata
from urllib.parse import quote

from starlette.responses import Response

LONGEST_NAME = 100

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
}
"""Should a browser show it after all, it is alone there: without scripts, cookies and our address."""


def download(content: bytes, name: str) -> Response:
    """The file as bytes to be saved: an SVG or a page of HTML is not opened here."""
    shown = file_name(name)
    plain = shown.encode("ascii", "replace").decode().replace("?", "_")
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"
    return Response(
        content,
        media_type="application/octet-stream",
        headers={**HEADERS, "Content-Disposition": disposition},
    )


def file_name(name: str) -> str:
    """A name without folders, quotes, control characters and those that make text run backwards."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(each for each in last if unicodedata.category(each)[0] != "C" and each not in '"<>|:*?;%')
    stem, dot, ending = kept.strip(" .").rpartition(".")
    room = LONGEST_NAME - len(ending[:10]) - 1
    return f"{(stem or ending)[:room]}{dot}{ending[:10] if stem else ''}".strip(" .") or "file"
