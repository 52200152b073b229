"""Drafts from templates, in both languages, past the guardrails."""

from datetime import UTC, datetime
from itertools import product

import pytest

from workers.adapters.local_analysis import LocalAnalysis
from workers.adapters.template_replies import TemplateReplies
from workers.casefile.guardrails import complaints
from workers.ports.analysis import Ticket
from workers.ports.replies import ReplyFacts
from workers.ports.values import Money

AT = datetime(2026, 3, 5, 9, tzinfo=UTC)
PARCEL = {"carrier": "dhl", "tracking_number": "JD014600003SE"}
SITUATIONS = {
    "not sent": {},
    "on its way": {**PARCEL, "sent_at": AT},
    "delivered": {**PARCEL, "sent_at": AT, "delivered_at": AT},
    "paid back": {"refunded": Money(1_500, "EUR")},
}


@pytest.mark.parametrize(("language", "situation"), list(product(("en", "de"), SITUATIONS)))
async def test_they_may_be_sent_as_they_are(language: str, situation: str) -> None:
    intent = "refund" if situation == "paid back" else "tracking"
    facts = ReplyFacts(intent, language, order_number="#1001", **SITUATIONS[situation])  # type: ignore[arg-type]
    draft = await TemplateReplies().draft(facts)
    written_in = (await LocalAnalysis().analyse(Ticket(draft))).language.code
    assert complaints(draft, facts, language=written_in, unsafe=False) == ()


async def test_amounts_and_days_are_written_as_the_language_does() -> None:
    facts = ReplyFacts("refund", "de", order_number="#1001", refunded=Money(1_500, "EUR"))
    assert "15,00 EUR" in await TemplateReplies().draft(facts)
    sent = ReplyFacts("tracking", "de", order_number="#1001", sent_at=AT, **PARCEL)  # type: ignore[arg-type]
    assert "5. März 2026" in await TemplateReplies().draft(sent)


async def test_what_has_no_template_is_a_frame_in_english() -> None:
    draft = await TemplateReplies().draft(ReplyFacts("product_info", "fr"))
    assert draft.startswith("Hello,")
    assert "None" not in draft
