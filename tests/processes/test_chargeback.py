"""What the jobs of chargeback answer, write in the books of others, and say in the case file.

What all of them promise is in test_chargeback_contract.py.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.processes.dispute_bench import DisputeBench
from workers.casefile.cases import Entry
from workers.casefile.db import Database
from workers.casefile.refund_models import Standing
from workers.contracts.chargeback import DisputeInWords, Errors, Evidence
from workers.ports.carriers import ParcelState
from workers.ports.events import Event
from workers.ports.ledger import Posting
from workers.ports.payments import DisputeState
from workers.ports.values import Money
from workers.runtime.errors import BusinessOutcome, EffectConflict, NeedsHuman


@pytest.fixture
async def bench(database: Database) -> DisputeBench:
    """A dispute that was just opened."""
    bench = DisputeBench(database)
    await bench.claim()
    return bench


class TestGetDispute:
    async def test_it_answers_what_gateways_timers_and_tables_ask(self, bench: DisputeBench) -> None:
        facts = await bench.get_dispute()
        assert (facts.shopify_order_id, facts.charge_id) == (bench.id, bench.charge.id)
        assert (facts.dispute_amount, facts.currency, facts.at_stake) == (4_995, "EUR", 4_995)
        assert (facts.dispute_reason, facts.dispute_state) == ("product_not_received", "needs_response")
        assert datetime.fromisoformat(facts.evidence_due_by) == bench.dispute.evidence_due_by

    @pytest.mark.parametrize(
        ("claimed", "refunded", "at_stake"),
        [
            (4_995, 0, 4_995),
            (1_000, 0, 1_000),
            (4_995, 995, 4_000),
            (1_000, 995, 1_000),
            (4_995, 4_995, 0),
            (9_999, 0, 4_995),
            (-5, 0, 0),
        ],
    )
    async def test_at_stake_is_what_did_not_go_back_before(
        self, bench: DisputeBench, claimed: int, refunded: int, at_stake: int
    ) -> None:
        """Never more than was captured, never less than nothing."""
        await bench.claim(amount=Money(claimed, "EUR"))
        given_back = replace(bench.charge, refunded=Money(refunded, "EUR"))
        bench.payments.charges[bench.charge.id] = given_back
        facts = await bench.get_dispute()
        assert (facts.at_stake, facts.already_refunded) == (at_stake, refunded)

    async def test_the_timeline_says_how_it_stands_once_per_state(self, bench: DisputeBench) -> None:
        for _ in range(2):
            await bench.get_dispute()
        await bench.payments.close_dispute(bench.dispute.id, won=True)
        await bench.get_dispute()
        first, second = await bench.sentences()
        assert first.startswith("49.95 EUR claimed back: product not received (needs response")
        assert "(won" in second

    async def test_another_currency_than_that_of_the_payment_needs_a_human(self, bench: DisputeBench) -> None:
        await bench.claim(amount=Money(4_995, "USD"))
        with pytest.raises(NeedsHuman, match="is about USD, its charge EUR"):
            await bench.get_dispute()

    async def test_a_payment_of_which_nobody_says_the_order_needs_a_human(self, bench: DisputeBench) -> None:
        bench.payments.disputes[bench.dispute.id] = replace(bench.dispute, order_id="")
        with pytest.raises(NeedsHuman, match="does not say what order"):
            await bench.get_dispute()

    async def test_a_dispute_that_the_provider_does_not_know_needs_a_human(self, bench: DisputeBench) -> None:
        with pytest.raises(NeedsHuman, match="no dispute dp_0"):
            await bench.jobs.get_dispute("dp_0")


class TestStopRunningRefunds:
    async def test_every_refund_that_is_not_finished_is_told_to_stop_once(self, bench: DisputeBench) -> None:
        refunds = [await bench.ask_for_refund(why) for why in ("damaged", "lost")]
        for _ in range(2):
            await bench.stop_running_refunds()
        assert await bench.told_to_stop() == refunds
        assert await bench.sentences() == [
            f"Refund {refund_id} is to be stopped: its payment is disputed" for refund_id in refunds
        ]

    async def test_what_the_provider_has_already_is_named(self, bench: DisputeBench) -> None:
        refund_id = await bench.ask_for_refund("damaged")
        await bench.move(refund_id, Standing.SENT)
        await bench.stop_running_refunds()
        assert await bench.told_to_stop() == []
        assert await bench.sentences() == [f"Refund {refund_id} cannot be stopped: the provider has it"]

    @pytest.mark.parametrize("state", [Standing.SETTLED, Standing.REJECTED, Standing.STOPPED])
    async def test_finished_ones_are_left_alone(self, bench: DisputeBench, state: Standing) -> None:
        refund_id = await bench.ask_for_refund("damaged")
        await bench.move(refund_id, state, over=True)
        await bench.stop_running_refunds()
        assert (await bench.told_to_stop(), await bench.sentences()) == ([], [])

    async def test_those_of_another_payment_of_the_order_go_on(self, bench: DisputeBench) -> None:
        await bench.ask_for_refund("damaged", replace(bench.charge, id="ch_other"))
        await bench.stop_running_refunds()
        assert await bench.told_to_stop() == []


class TestCollectEvidence:
    async def test_nothing_was_sent(self, bench: DisputeBench) -> None:
        found = await bench.collect()
        assert found == Evidence(order_known=True, tracked=False, delivered=False, address_matches=False)
        assert await bench.sentences() == ["Evidence: the order is known, 0 parcels, not tracked, 0 mails"]

    async def test_a_parcel_is_on_its_way(self, bench: DisputeBench) -> None:
        await bench.send_parcel("JD1")
        found = await bench.collect()
        assert (found.tracked, found.delivered, found.address_matches) == (True, False, False)

    @pytest.mark.parametrize(
        ("place", "matches"),
        [("10115 Berlin, DE", True), ("BERLIN", True), ("10 115", True), ("Hamburg", False), ("", False)],
    )
    async def test_a_parcel_was_delivered(self, bench: DisputeBench, place: str, matches: bool) -> None:
        await bench.send_parcel("JD1", place)
        found = await bench.collect()
        assert (found.tracked, found.delivered, found.address_matches) == (True, True, matches)

    async def test_of_two_parcels_both_have_to_be_delivered(self, bench: DisputeBench) -> None:
        await bench.send_parcel("JD1", "Berlin")
        await bench.send_parcel("JD2")
        found = await bench.collect()
        assert (found.tracked, found.delivered) == (True, False)

    async def test_a_deadline_that_is_moved_is_told(self, bench: DisputeBench) -> None:
        await bench.get_dispute()
        moved = replace(bench.dispute, evidence_due_by=bench.dispute.evidence_due_by + timedelta(days=7))
        bench.payments.disputes[moved.id] = moved
        for _ in range(2):
            await bench.get_dispute()
        told = [each for each in await bench.cases.timeline(bench.id) if each.kind == "dispute"]
        assert [each.facts["evidence_due_by"] for each in told] == [
            each.evidence_due_by.isoformat() for each in (bench.dispute, moved)
        ]

    async def test_a_scan_that_says_nothing_new_in_words_is_kept_too(self, bench: DisputeBench) -> None:
        await bench.send_parcel("JD1")
        for _ in range(2):
            await bench.collect()
        at = datetime(2026, 3, 8, 9, tzinfo=UTC)
        await bench.carriers.scan("dhl", "JD1", ParcelState.IN_TRANSIT, at=at, place="Berlin")
        await bench.collect()
        kept = [each for each in await bench.cases.timeline(bench.id) if each.kind == "evidence_collected"]
        assert ["Berlin" in str(each.facts["parcels"]) for each in kept] == [False, True]

    async def test_a_number_that_the_carrier_does_not_know_is_not_tracked(self, bench: DisputeBench) -> None:
        facts = {"carrier": "ups", "tracking_number": "1Z"}
        await bench.cases.write(Entry(bench.id, "parcel", "parcel_sent", "on its way", facts))
        assert (await bench.collect()).tracked is False

    async def test_an_order_that_is_not_on_file_is_read_from_the_shop(self, bench: DisputeBench) -> None:
        await bench.collect()
        assert await bench.cases.order(bench.id) == bench.order

    async def test_an_order_that_nobody_knows_is_said_to_be_so(self, bench: DisputeBench) -> None:
        bench.shop.orders.clear()
        assert (await bench.collect()).order_known is False

    async def test_what_was_paid_back_before_is_named(self, bench: DisputeBench) -> None:
        """Also to those who decide; what is only asked for is not paid back."""
        await bench.ask_for_refund("lost")
        made = await bench.pay_back("damaged")
        await bench.collect()
        assert (await bench.sentences())[-1].endswith(f" 10.00 EUR settled, {made}")
        assert "10.00 EUR" in (await bench.sentences())[-1]
        assert "; " not in (await bench.sentences())[-1]

    async def test_collected_again_it_is_written_when_there_is_more(self, bench: DisputeBench) -> None:
        await bench.collect()
        await bench.send_parcel("JD1")
        await bench.collect()
        collected = [entry for entry in await bench.timeline() if entry.kind == "evidence_collected"]
        assert [entry.facts["tracked"] for entry in collected] == [False, True]


class TestDescribeDispute:
    async def test_the_form_gets_claim_and_evidence_in_words(self, bench: DisputeBench) -> None:
        await bench.get_dispute()
        await bench.collect()
        said = await bench.jobs.describe_dispute(bench.id, bench.dispute.id, "Much is at stake")
        claim, evidence, asked = await bench.sentences()
        assert said == DisputeInWords(claim, evidence)
        assert asked == "Much is at stake: a person decides on the dispute"

    async def test_without_a_dispute_on_file_it_needs_a_human(self, bench: DisputeBench) -> None:
        with pytest.raises(NeedsHuman, match="says nothing of dispute"):
            await bench.jobs.describe_dispute(bench.id, bench.dispute.id, "Why")


class TestSubmitEvidence:
    async def test_everything_on_file_goes_to_the_provider(self, bench: DisputeBench) -> None:
        await bench.send_parcel("JD1", "10115 Berlin")
        await bench.write_to_customer("tracking_on_the_way", carrier="DHL", tracking_number="JD1")
        paid_back = await bench.pay_back("damaged")
        await bench.collect()
        await bench.submit()
        shown = bench.payments.evidence[bench.dispute.id]
        assert shown["shipping_carrier"] == "dhl"
        assert shown["shipping_tracking_number"] == "JD1"
        assert shown["shipping_date"] == "2026-03-04"
        assert shown["customer_name"] == "Ada Example"
        assert shown["customer_email_address"] == "ada@example.com"
        assert shown["shipping_address"] == "Ada Example\nMusterweg 5\n10115 Berlin\nDE"
        assert shown["product_description"] == "2 x Desk lamp\n1 x Cable"
        when, _, letter = shown["customer_communication"].partition(" UTC to ")
        assert datetime.now(UTC) - datetime.strptime(f"{when} +0000", "%Y-%m-%d %H:%M %z") < timedelta(minutes=5)
        assert letter.startswith(f"ada@example.com: Your order {bench.order.number} is on the way\nHello,")
        assert "Tracking number: JD1" in letter
        before, refund, parcel, *_ = shown["uncategorized_text"].splitlines()
        assert before == "Refunds of this order:"
        assert refund.endswith(f" 10.00 EUR settled, {paid_back}")
        assert parcel == "dhl JD1: delivered 2026-03-06 09:00 UTC 10115 Berlin"

    async def test_what_is_not_there_is_not_said(self, bench: DisputeBench) -> None:
        bench.shop.orders.clear()
        await bench.collect()
        await bench.submit()
        assert bench.payments.evidence[bench.dispute.id] == {}

    async def test_what_we_pay_suppliers_is_nobodys_business(self, bench: DisputeBench) -> None:
        """The timeline has more than a customer's bank should know."""
        secret = Entry(bench.id, "bought", "supplier_order_placed", "Ordered from cj for 12.00", {"cost": 1_200})
        await bench.cases.write(secret)
        await bench.collect()
        await bench.submit()
        assert "cj" not in str(bench.payments.evidence[bench.dispute.id])

    async def test_too_late_is_an_outcome_that_the_diagram_knows(self, bench: DisputeBench) -> None:
        await bench.collect()
        bench.payments.now = datetime.now(UTC) + timedelta(days=8)
        with pytest.raises(BusinessOutcome) as refused:
            await bench.submit()
        assert refused.value.code == Errors.ANSWER_REFUSED

    async def test_of_what_was_closed_as_lost_it_is_not_said_that_evidence_was_submitted(
        self, bench: DisputeBench
    ) -> None:
        await bench.collect()
        bench.payments.refuse("submit_evidence", ZeroDivisionError())
        with pytest.raises(Exception, match="ZeroDivisionError"):
            await bench.submit()
        await bench.payments.close_dispute(bench.dispute.id, won=False)
        await bench.let_settle()
        with pytest.raises(BusinessOutcome):
            await bench.submit()
        assert "Evidence submitted" not in await bench.sentences()


class TestAcceptDispute:
    async def test_the_customer_has_the_money(self, bench: DisputeBench) -> None:
        await bench.jobs.accept_dispute(bench.id, bench.dispute.id)
        assert bench.payments.disputes[bench.dispute.id].state is DisputeState.ACCEPTED
        assert await bench.sentences() == ["Dispute accepted"]

    async def test_what_was_fought_is_not_let_go(self, bench: DisputeBench) -> None:
        """A dispute has one answer."""
        await bench.collect()
        await bench.submit()
        with pytest.raises(EffectConflict):
            await bench.jobs.accept_dispute(bench.id, bench.dispute.id)
        assert bench.payments.disputes[bench.dispute.id].state is DisputeState.UNDER_REVIEW


class TestBooksAndNews:
    async def test_what_is_lost_is_booked(self, bench: DisputeBench) -> None:
        await bench.jobs.book_chargeback(bench.id, bench.dispute.id, 4_995, "EUR")
        key = f"chargeback:{bench.dispute.id}"
        posting = Posting(key, "CHARGEBACKS", Money(4_995, "EUR"), bench.id, bench.dispute.id)
        assert bench.ledger.postings == {key: posting}

    async def test_two_disputes_of_one_order_are_two_postings(self, bench: DisputeBench) -> None:
        for dispute_id in ("dp_1", "dp_2"):
            await bench.jobs.book_chargeback(bench.id, f"{dispute_id}{bench.id}", 100, "EUR")
        assert len(bench.ledger.postings) == 2

    async def test_other_systems_hear_how_it_ended(self, bench: DisputeBench) -> None:
        dispute_id = bench.dispute.id
        await bench.jobs.publish_chargeback_won(bench.id, dispute_id)
        await bench.jobs.publish_chargeback_lost(bench.id, dispute_id, 4_995, "EUR")
        about = {"shopify_order_id": bench.id, "dispute_id": dispute_id}
        assert list(bench.events.events.values()) == [
            Event(f"chargeback_won:{dispute_id}", "chargeback_won", about),
            Event(
                f"chargeback_lost:{dispute_id}", "chargeback_lost", {**about, "amount": 4_995, "currency": "EUR"}
            ),
        ]

    async def test_a_deadline_that_was_moved_gets_short_once_more(self, bench: DisputeBench) -> None:
        for due in ("2026-03-09T00:00:00+00:00", "2026-03-09T00:00:00+00:00", "2026-03-16T00:00:00+00:00"):
            await bench.jobs.remind_deciders(bench.id, bench.dispute.id, due)
        assert (len(bench.events.events), len(bench.alerts.pushes)) == (2, 2)

    async def test_other_systems_hear_that_time_gets_short_and_that_it_is_over(self, bench: DisputeBench) -> None:
        dispute_id, due = bench.dispute.id, "2026-03-09T00:00:00+00:00"
        await bench.jobs.remind_deciders(bench.id, dispute_id, due)
        await bench.jobs.publish_deadline_missed(bench.id, dispute_id, due)
        about = {"shopify_order_id": bench.id, "dispute_id": dispute_id, "evidence_due_by": due}
        assert [(event.name, event.payload) for event in bench.events.events.values()] == [
            ("chargeback_decision_due", about),
            ("chargeback_deadline_missed", about),
        ]
        assert [(alert.to, alert.level, alert.message) for alert in bench.alerts.pushes.values()] == [
            ("finance", "warning", f"Chargeback decision due: dispute {dispute_id} of order {bench.id}."),
            ("lead", "critical", f"Chargeback deadline missed: dispute {dispute_id} of order {bench.id}."),
        ]
