"""What a dispute is answered with: mails as they were written, and earlier refunds, all that Stripe takes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from tests.processes.dispute_bench import DisputeBench
from workers.casefile import erasure
from workers.casefile.cases import shortened
from workers.casefile.db import Database
from workers.casefile.evidence import MOST_TEXT, evidence, mails, refunds
from workers.casefile.models import Case, TimelineEntry
from workers.casefile.refund_models import Refund, Standing

AT = datetime(2026, 3, 5, 8, 30, tzinfo=UTC)


def a_mail(text: str, at: datetime = AT) -> TimelineEntry:
    letter = {"to": "ada@example.com", "subject": "Your order", "text": text}
    facts = {"template": "tracking_on_the_way", "letter": letter}
    return TimelineEntry(kind="mail_sent", sentence="Mail sent", facts=facts, happened_at=at)


def a_refund(state: Standing, **changes: Any) -> Refund:
    values = {"amount_minor": 1_250, "currency": "EUR", "state": state, "changed_at": AT, "failure": None}
    return Refund(**{**values, "provider_refund_id": "re_1", **changes})


class TestMails:
    def test_each_says_when_to_whom_and_what(self) -> None:
        assert mails([a_mail("Hello")]) == ["2026-03-05 08:30 UTC to ada@example.com: Your order\nHello"]

    def test_one_whose_text_nobody_kept_is_named(self) -> None:
        """Timelines from before texts were kept."""
        entry = TimelineEntry(kind="mail_sent", sentence="Mail sent: on its way", facts={}, happened_at=AT)
        assert mails([entry]) == ["2026-03-05 08:30 UTC Mail sent: on its way"]

    def test_what_was_erased_is_not_shown(self) -> None:
        entry = TimelineEntry(kind="mail_sent", sentence="", facts={}, happened_at=AT, erased_at=AT)
        assert mails([entry]) == []

    def test_the_newest_are_shown_when_not_all_fit(self) -> None:
        written = mails([a_mail(f"{number} {'x' * 1_990}") for number in range(30)])
        shown = evidence(None, [], written, [])["customer_communication"]
        assert len(shown) <= MOST_TEXT
        assert [line.split()[0] for line in shown.splitlines() if line.endswith("xx")] == [
            str(number) for number in range(21, 30)
        ]


class TestRefunds:
    @pytest.mark.parametrize(
        ("refund", "said"),
        [
            (a_refund(Standing.SETTLED), "2026-03-05 12.50 EUR settled, re_1"),
            (a_refund(Standing.SENT), "2026-03-05 12.50 EUR sent, re_1"),
            (a_refund(Standing.FAILED, failure="lost_card"), "2026-03-05 12.50 EUR failed (lost card), re_1"),
            (
                a_refund(Standing.SETTLED, provider_refund_id=None),
                "2026-03-05 12.50 EUR settled, without the provider",
            ),
        ],
    )
    def test_each_says_when_how_much_where_it_stands_and_its_number(self, refund: Refund, said: str) -> None:
        assert refunds([refund]) == [said]

    @pytest.mark.parametrize(
        "state", [Standing.REQUESTED, Standing.APPROVED, Standing.UNKNOWN, Standing.REJECTED, Standing.STOPPED]
    )
    def test_what_did_not_go_back_is_nobodys_business(self, state: Standing) -> None:
        assert refunds([a_refund(state)]) == []

    def test_no_field_is_longer_than_it_may_be(self) -> None:
        parcel = {"carrier": "dhl", "tracking_number": "1", "first_seen": "", "delivered": "", "place": ""}
        parcels = [{**parcel, "scans": ["x" * 200] * 20}] * 10
        shown = evidence(None, parcels, [], refunds([a_refund(Standing.SETTLED)]))["uncategorized_text"]
        assert len(shown) == MOST_TEXT
        assert shown.startswith("Refunds of this order:\n2026-03-05 12.50 EUR settled, re_1\ndhl 1: not delivered")
        assert shown.endswith("…")


@pytest.mark.parametrize(
    ("text", "short"), [("", ""), ("abcde", "abcde"), ("abc ef", "abc…"), ("abcdef", "abcd…")]
)
def test_a_text_that_is_too_long_ends_with_a_sign(text: str, short: str) -> None:
    assert shortened(text, 5) == short


class TestWhatIsKept:
    async def test_links_are_for_the_customer_alone(self, database: Database) -> None:
        bench = DisputeBench(database)
        await bench.write_to_customer("fulfillment_remind_customer", link="https://shop.example/answers/secret")
        [entry] = await bench.timeline()
        assert "here:\n[link]" in entry.facts["letter"]["text"]
        assert "secret" not in str(entry.facts)

    async def test_it_is_erased_with_its_case(self, database: Database) -> None:
        bench = DisputeBench(database)
        await bench.write_to_customer("tracking_on_the_way", carrier="DHL", tracking_number="JD1")
        async with database.transaction() as session:
            await session.execute(update(Case).where(Case.id == bench.id).values(state="done"))
        assert "ada@example.com" in str(await erasure.export(database, bench.id))
        await erasure.erase(database, bench.id, "lea")
        assert "ada@example.com" not in str(await erasure.export(database, bench.id))
        assert mails(await bench.timeline()) == []
