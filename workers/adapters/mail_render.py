"""Mails from their templates: subject, text and HTML. Pure; whatever cannot be a mail needs a human."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateNotFound, UndefinedError, select_autoescape

from workers.ports.mail import Mail
from workers.runtime.errors import NeedsHuman

_TEMPLATES = Environment(
    loader=PackageLoader("workers.adapters", "mail_templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+\.[^\s@<>,;:\"()\[\]\\]+")
_LINK = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail ready to be sent, with every link in its text."""

    subject: str
    text: str
    html: str
    links: tuple[str, ...]


def render(mail: Mail) -> RenderedMail:
    """Render a mail; the same mail renders the same.

    Raises NeedsHuman for an address no mail can reach, a header with a line break in it, a template there is none
    of, and a value the template asks for and does not get.
    """
    if not _ADDRESS.fullmatch(mail.to):
        raise NeedsHuman(f"Order {mail.order_id}: the customer's mail address is missing or cannot be reached.")
    subject = _render(f"{mail.template}.subject.txt", mail.values)
    if not subject.isprintable() or not subject:
        raise NeedsHuman(
            f"Order {mail.order_id}: the subject of mail {mail.template} has a line break or is empty."
        )
    text = _render(f"{mail.template}.txt", mail.values)
    html = _render(f"{mail.template}.html", mail.values)
    return RenderedMail(subject, text, html, tuple(_LINK.findall(text)))


def _render(name: str, values: Mapping[str, str]) -> str:
    try:
        return _TEMPLATES.get_template(name).render(values).strip()
    except TemplateNotFound:
        raise NeedsHuman(f"There is no mail template {name}.") from None
    except UndefinedError as error:
        raise NeedsHuman(f"Mail template {name} lacks a value: {error.message}.") from None
