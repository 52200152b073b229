"""What keeps an answer from being sent without a person: it promises what nobody decided, names what is not the
customer's, or is in another language. Pure.

A draft is what a template or a language model made; whatever it says, it is held against the facts here.
"""

import re
from collections.abc import Iterator

from workers.ports.currencies import to_decimal
from workers.ports.replies import ReplyFacts

LONGEST = 4_000
"""Characters of an answer."""
_PROMISE = re.compile(
    r"refund|reimburs|money back|pa(?:y|id)\b.{0,40}\bback|credit(?:ed)? (?:note|to your)|voucher|discount|coupon|"
    r"compensat|"
    r"replac|send you (?:a new|another)|free of charge|guarantee|promis|erstatt|gutschein|gutschrift|rabatt|"
    r"entschädig|kostenlos|ersatz|garantie|versprech|rembours|reembols|devol",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"(?:[€$£]\s*\d[\d.,]*|\d[\d.,]*\s*(?:€|\$|£|EUR|USD|GBP|CHF|euro|dollar)s?)", re.IGNORECASE)
_WORD = re.compile(r"#?[A-Za-z0-9][A-Za-z0-9-]*")
_LEADS_AWAY = re.compile(r"https?:|www\.|[^\s@]+@[^\s@]+", re.IGNORECASE)
_YEAR_OR_DAY = re.compile(r"20\d\d(-\d\d-\d\d)?")
DIGITS = 4
"""From so many digits on, a word is some number of an order, a parcel or an account."""


def complaints(draft: str, facts: ReplyFacts, *, language: str | None, unsafe: bool) -> tuple[str, ...]:
    """Why this draft is not sent as it is, each in words for people; nothing when it may be.

    `language` is what the draft turned out to be written in, `unsafe` whether somebody may get hurt.
    """
    return tuple(_found(draft, facts, language, unsafe=unsafe))


def _found(draft: str, facts: ReplyFacts, language: str | None, *, unsafe: bool) -> Iterator[str]:
    if unsafe:
        yield "somebody may get hurt: a person answers"
    if not draft.strip() or len(draft) > LONGEST:
        yield "it is empty or too long"
    if facts.language is None or language != facts.language:
        yield f"it is not in the language of the customer ({facts.language or 'not known'})"
    if facts.refunded is None and _PROMISE.search(draft):
        yield "it promises something that nobody decided"
    if any(not _is_the_refund(amount, facts) for amount in _AMOUNT.findall(draft)):
        yield "it names an amount that nobody decided"
    if _LEADS_AWAY.search(draft):
        yield "it leads to another address"
    if _strangers(draft, facts):
        yield "it names a number that is not of this order"
    yield from _missing(draft, facts)


def _missing(draft: str, facts: ReplyFacts) -> Iterator[str]:
    for what, number in (("order", facts.order_number), ("parcel", facts.tracking_number)):
        if number and facts.intent == "tracking" and number not in draft:
            yield f"it does not name the {what} {number}"


def _is_the_refund(amount: str, facts: ReplyFacts) -> bool:
    if facts.refunded is None:
        return False
    said = re.sub(r"[^\d.,]", "", amount).rstrip(".,").replace(",", ".")
    return said == str(to_decimal(facts.refunded))


def _strangers(draft: str, facts: ReplyFacts) -> list[str]:
    ours = {number.removeprefix("#") for number in (facts.order_number, facts.tracking_number) if number}
    words = [word for word in _WORD.findall(draft) if not _YEAR_OR_DAY.fullmatch(word)]
    named = {word.removeprefix("#") for word in words if sum(map(str.isdigit, word)) >= DIGITS or word[0] == "#"}
    return sorted(named - ours)
