"""Mails from their templates: subject, text and HTML. Pure; whatever cannot be a mail needs a human."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from jinja2 import (
    BaseLoader,
    Environment,
    PackageLoader,
    StrictUndefined,
    TemplateNotFound,
    UndefinedError,
    pass_context,
    select_autoescape,
)
from jinja2.runtime import Context

from workers.ports.mail import Letter, Mail
from workers.runtime.errors import NeedsHuman

_WORDS = {
    "en": {
        "order": "Order",
        "regards": "Kind regards",
        "team": "Your shop team",
        "button": "If the button does not work, open this address:",
        "why": "You receive this message because you ordered from us.",
        "private": "Please do not forward it: the link is meant for you alone.",
    },
    "de": {
        "order": "Bestellung",
        "regards": "Freundliche Grüße",
        "team": "Ihr Shop-Team",
        "button": "Falls die Schaltfläche nicht funktioniert, öffnen Sie diese Adresse:",
        "why": "Sie erhalten diese Nachricht, weil Sie bei uns bestellt haben.",
        "private": "Bitte leiten Sie sie nicht weiter: Der Link ist nur für Sie bestimmt.",
    },
}
"""What the layout says, by language; a language that is not here has the layout in English."""
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
}
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+\.[^\s@<>,;:\"()\[\]\\]+")
_LINK = re.compile(r"https?://[^\s<>\"]+")


@pass_context
def _day(context: Context, moment: str) -> str:
    """The day of an RFC 3339 time or date, as it is written in the mail's language: 5 March 2026."""
    day, language = datetime.fromisoformat(moment), str(context["language"])
    month = _MONTHS.get(language, _MONTHS["en"]).split()[day.month - 1]
    return f"{day.day}. {month} {day.year}" if language == "de" else f"{day.day} {month} {day.year}"


@pass_context
def _amount(context: Context, money: str) -> str:
    """An amount as currencies.describe writes it, in the mail's language: 12.50 EUR."""
    return money.replace(".", ",") if context["language"] == "de" else money


def templates(loader: BaseLoader) -> Environment:
    """Templates as mails need them."""
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(day=_day, amount=_amount)
    return environment


OURS = templates(PackageLoader("workers.adapters", "mail_templates"))


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail ready to be sent, with every link in its text."""

    subject: str
    text: str
    html: str
    links: tuple[str, ...]


def render(mail: Mail, among: Environment = OURS) -> RenderedMail:
    """Render a mail; the same mail renders the same.

    It is all in one language: in that of `<template>.<language>.txt` where there is one, else in English. Without
    an HTML template the HTML is the text in the layout.

    Raises NeedsHuman for an address no mail can reach, a header with a line break in it, a template there is none
    of, and a value the template asks for and does not get.
    """
    return _with_page(among, *_letter(mail, among))


def letter(mail: Mail, among: Environment = OURS) -> Letter:
    """The same without the HTML."""
    _, _, written = _letter(mail, among)
    return written


def _letter(mail: Mail, among: Environment) -> tuple[str, dict[str, object], Letter]:
    """The template's name in the mail's language, what it is given, and what comes of it."""
    if not _ADDRESS.fullmatch(mail.to):
        raise NeedsHuman(f"Order {mail.order_id}: the customer's mail address is missing or cannot be reached.")
    translated = f"{mail.template}.{mail.language}"
    language, name = (mail.language, translated) if f"{translated}.txt" in _names(among) else ("en", mail.template)
    values: dict[str, object] = {**mail.values, "language": language, "words": _WORDS.get(language, _WORDS["en"])}
    subject = _render(among, f"{name}.subject.txt", values)
    if not subject.isprintable() or not subject:
        raise NeedsHuman(
            f"Order {mail.order_id}: the subject of mail {mail.template} has a line break or is empty."
        )
    return name, values, Letter(subject, _render(among, f"{name}.txt", values))


def _with_page(among: Environment, name: str, values: Mapping[str, object], written: Letter) -> RenderedMail:
    page = f"{name}.html" if f"{name}.html" in _names(among) else "_text.html"
    html = _render(among, page, {**values, "subject": written.subject, "text": written.text})
    return RenderedMail(written.subject, written.text, html, tuple(_LINK.findall(written.text)))


@cache
def _names(among: Environment) -> frozenset[str]:
    return frozenset(among.list_templates())


def _render(among: Environment, name: str, values: Mapping[str, object]) -> str:
    try:
        return among.get_template(name).render(values).strip()
    except TemplateNotFound:
        raise NeedsHuman(f"There is no mail template {name}.") from None
    except UndefinedError as error:
        raise NeedsHuman(f"Mail template {name} lacks a value: {error.message}.") from None
    except ValueError:
        raise NeedsHuman(f"Mail template {name} was given something that is no day.") from None
