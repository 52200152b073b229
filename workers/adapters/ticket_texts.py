"""What customers write, as plain text that can be kept and shown: nothing in it is ever read as anything else."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parseaddr

from lxml import etree

MOST_TEXT = 100_000
MOST_SUBJECT = 500
MOST_NAME = 200
MOST_ADDRESS = 254
"""Characters; what is longer is cut."""

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f<>\"(),:;@\[\]\\]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_UNSHOWN = frozenset({"script", "style", "head", "title", "template"})
_BLOCKS = frozenset({"p", "div", "li", "tr", "h1", "h2", "h3", "blockquote", "table"})


def plain(text: str) -> str:
    """A message as it is kept: what no database holds is replaced, what is too long is cut, and it says so."""
    kept = _NO_TEXT.sub("\ufffd", text.replace("\r\n", "\n")).strip()
    if len(kept) <= MOST_TEXT:
        return kept
    return f"{kept[:MOST_TEXT]}\n[cut here: {len(kept) - MOST_TEXT} more characters]"


def one_line(text: str, most: int) -> str:
    """A subject or a name: no line breaks, no controls, cut where it is too long."""
    shown = " ".join(_CONTROLS.sub(" ", text).split())
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def address_in(text: str) -> tuple[str, str]:
    """Name and address, the latter in lower case, of `Ada <ada@example.com>`; ValueError when there is none."""
    name, address = parseaddr(text) if len(text) <= 1_000 and not _CONTROLS.search(text) else ("", "")
    as_written = address in text  # the parser takes spaces out
    address = address.strip().lower()
    if not as_written or len(address) > MOST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise ValueError("the sender is no mail address")
    return one_line(name, MOST_NAME), address


def from_html(markup: str) -> str:
    """The text of an HTML message, without anything that is not shown; empty for what is none."""
    reader = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        page = etree.fromstring(_CONTROLS.sub(" ", markup).encode(), reader)
    except etree.XMLSyntaxError:
        return ""
    shown = "".join(_shown(page)) if page is not None else ""
    lines = (" ".join(line.split()) for line in shown.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def moment(text: str) -> datetime | None:
    """An RFC 3339 time as UTC; None when it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _shown(page: etree._Element) -> Iterator[str]:
    """Every text in its order, with a line break where an element stands on lines of its own."""
    hidden: etree._Element | None = None
    for event, element in etree.iterwalk(page, events=("start", "end")):
        if event == "start" and hidden is None:
            hidden = element if element.tag in _UNSHOWN else None
            yield ("\n" if element.tag in _BLOCKS or element.tag == "br" else "") + (
                element.text or "" if hidden is None else ""
            )
        elif event == "end":
            hidden = None if element is hidden else hidden
            if hidden is None:
                yield ("\n" if element.tag in _BLOCKS else "") + (element.tail or "")
