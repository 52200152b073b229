"""Labelled tickets to judge the analysis by: our own, always; and the shared data, where it lies beside us.

`looked_at` marks what was read while the analysis was made better. The rest tells how it does elsewhere.
"""

import csv
import hashlib
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.eval.phrases import phrases
from workers.ports.analysis import Intent

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data"
HELD_OUT_SEED = 77
"""Of phrases the model was not trained on, nor its confidence set by."""

BITEXT = {
    "get_refund": Intent.REFUND,
    "track_refund": Intent.REFUND,
    "check_refund_policy": Intent.REFUND,
    "track_order": Intent.TRACKING,
    "delivery_period": Intent.TRACKING,
    "change_shipping_address": Intent.ADDRESS_CHANGE,
    "set_up_shipping_address": Intent.ADDRESS_CHANGE,
    "cancel_order": Intent.CANCEL,
    "check_cancellation_fee": Intent.CANCEL,
    "complaint": Intent.COMPLAINT,
}
"""All other labels are OTHER."""
BANKING = {
    "request_refund": Intent.REFUND,
    "Refund_not_showing_up": Intent.REFUND,
    "card_arrival": Intent.TRACKING,
    "card_delivery_estimate": Intent.TRACKING,
    "passcode_forgotten": Intent.OTHER,
    "exchange_rate": Intent.OTHER,
    "age_limit": Intent.OTHER,
    "top_up_failed": Intent.OTHER,
}
"""Of a bank's questions, those that a shop is asked alike or certainly not."""
HARMED = ("Injury", "Death")


@dataclass(frozen=True, slots=True)
class Case:
    """One text with what is known of it."""

    group: str
    id: str
    text: str
    intent: Intent | None = None
    safety: bool | None = None
    angry: bool | None = None
    looked_at: bool = False


def own() -> Iterator[Case]:
    """Tickets written by hand."""
    for number, each in enumerate(
        tomllib.loads((HERE / "own_tickets.toml").read_text(encoding="utf-8"))["ticket"]
    ):
        intent = Intent(each["intent"]) if "intent" in each else None
        yield Case("own tickets", str(number), each["text"], intent, each.get("safety", False), looked_at=True)


def held_out(number: int) -> Iterator[Case]:
    """Phrases of the grammar that the model has not seen."""
    for at, phrase in enumerate(phrases(number, HELD_OUT_SEED)):
        yield Case("held-out phrases", f"{phrase.topic} {at}", phrase.text, phrase.intent, looked_at=True)


def shared(folder: Path = DATA) -> Iterator[Case]:
    """The shared data; nothing when it is not there."""
    if not (folder / "support").is_dir():
        return
    support = folder / "support"
    for at, row in _rows(support / "bitext_llm_4514.csv"):
        intent = BITEXT.get(row["intent"], Intent.OTHER)
        yield Case("bitext llm", at, row["instruction"], intent, False, "W" in row["tags"], looked_at=True)
    for at, row in _rows(support / "bitext_cs_8k.csv"):
        intent, seen = BITEXT.get(row["intent"], Intent.OTHER), _first_half(row["utterance"])
        yield Case("bitext cs", at, row["utterance"], intent, False, "W" in row["flags"], looked_at=seen)
    for at, row in _rows(support / "banking77_train.csv"):
        yield Case("banking77", at, row["text"], BANKING.get(row["category"]), False)
    for at, row in _rows(support / "twitter_cs_labelled.csv"):
        yield Case("tweets", at, row["text"], None, False, "Bad Support" in row["labels"])
    for at, row in _rows(support / "amazon_fine_food_reviews_1k.csv"):
        yield Case("food reviews", at, row["Text"], None, False, looked_at=_first_half(row["Text"]))
    for at, row in _rows(support / "uci_amazon_cells_sentiment.csv"):
        seen = _first_half(row["sentence"])
        yield Case("phone reviews", at, row["sentence"], None, False, row["positive"] == "0", looked_at=seen)
    for at, row in _rows(folder / "safety" / "cpsc_saferproducts_incidents.csv"):
        if row["(Primary) Victim Severity"].startswith(HARMED):
            text = row["Incident Description"]
            yield Case("injury reports", at, text, None, True, looked_at=_first_half(text) or _first_half(text, 1))


def labelled(file: Path) -> Iterator[Case]:
    """A CSV of one's own: text, and intent or safety or both; for instance what people corrected in forms."""
    for at, row in _rows(file):
        intent = Intent(row["intent"]) if row.get("intent") else None
        safety = row["safety"].lower() == "true" if row.get("safety") else None
        yield Case(file.name, at, row.get("text") or "", intent, safety)


def thinned(cases: Sequence[Case], most: int) -> list[Case]:
    """At most so many of each group, spread over it."""
    by_group: dict[str, list[Case]] = {}
    for case in cases:
        by_group.setdefault(case.group, []).append(case)
    return [case for group in by_group.values() for case in group[:: max(1, -(-len(group) // most))]]


def _rows(file: Path) -> Iterator[tuple[str, dict[str, str]]]:
    csv.field_size_limit(sys.maxsize)
    with file.open(encoding="utf-8-sig", newline="") as source:
        for number, row in enumerate(csv.DictReader(source)):
            yield str(number), row


def _first_half(text: str, byte: int = 0) -> bool:
    """Which half of a file a text belongs to, whatever its order; another byte halves it another way."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()[byte] & 1 == 0
