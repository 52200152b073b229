"""What the jobs of fulfillment answer, write in the books of others, and say in the case file.

What all of them promise is in test_fulfillment_contract.py, buying in test_fulfillment_purchase.py, what customers
are asked in test_fulfillment_customers.py.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.fakes.samples import ADDRESS
from tests.processes.bench import Bench
from workers.contracts.fulfillment import MarginOffer, OfferFacts
from workers.contracts.refund import RefundRequested
from workers.contracts.tracking import SupplierOrderPlaced
from workers.ports.events import Event
from workers.ports.ledger import Posting
from workers.ports.supplier import Offer
from workers.ports.values import Money
from workers.runtime.errors import EffectConflict, NeedsHuman


class TestGetOrder:
    async def test_it_answers_what_gateways_and_tables_ask(self, bench: Bench) -> None:
        facts = await bench.jobs.get_order(bench.id)
        assert (facts.country, facts.currency, facts.order_total, facts.order_open) == ("DE", "EUR", 4_995, True)
        assert (facts.address.missing, facts.address.malformed, facts.address.po_box) == ((), (), False)

    async def test_it_names_the_fields_that_are_wrong(self, bench: Bench) -> None:
        bench.shop.orders[bench.id] = replace(
            bench.order, shipping_address=replace(ADDRESS, street="", postcode="1011")
        )
        facts = await bench.jobs.get_order(bench.id)
        assert facts.address.missing == ("street",)
        assert facts.address.malformed == ("postcode",)

    @pytest.mark.parametrize(
        ("changes", "wanted"),
        [
            ({"financial_status": "paid"}, True),
            ({"financial_status": "partially_refunded"}, True),
            ({"financial_status": "refunded"}, False),
            ({"financial_status": "authorized"}, True),
            ({"financial_status": "voided"}, False),
            ({"financial_status": "pending"}, False),
            ({"financial_status": "partially_paid"}, False),
            ({"financial_status": "expired"}, False),
            ({"financial_status": ""}, False),
            ({"cancelled_at": datetime(2026, 3, 3, tzinfo=UTC)}, False),
        ],
        ids=str,
    )
    async def test_it_says_whether_the_order_is_still_wanted(
        self, bench: Bench, changes: dict[str, str], wanted: bool
    ) -> None:
        bench.shop.orders[bench.id] = replace(bench.order, **changes)  # type: ignore[arg-type]
        assert (await bench.jobs.get_order(bench.id)).order_open is wanted

    async def test_the_case_file_keeps_the_order_as_it_was_read(self, bench: Bench) -> None:
        case = await bench.cases.get(bench.id)
        assert case is not None
        assert (case.process, case.order_number, case.total_minor) == ("fulfillment", bench.order.number, 4_995)
        assert await bench.cases.order(bench.id) == bench.order

    async def test_read_again_the_case_file_has_the_order_as_it_is_now(self, bench: Bench) -> None:
        await bench.change_order(total=Money(3_000, "EUR"))
        assert (await bench.cases.order(bench.id)).total == Money(3_000, "EUR")

    async def test_an_order_the_shop_does_not_have_needs_a_human(self, bench: Bench) -> None:
        with pytest.raises(NeedsHuman, match="no order 1"):
            await bench.jobs.get_order("1")

    async def test_a_job_about_an_order_never_read_needs_a_human(self, bench: Bench) -> None:
        with pytest.raises(NeedsHuman, match="case 1 has no order yet"):
            await bench.jobs.check_stock("1")


class TestCheckStock:
    async def test_it_answers_every_offer_in_stock_or_not(self, bench: Bench) -> None:
        bench.suppliers.offers[bench.id] = (
            Offer("cj", Money(2_000, "EUR"), in_stock=True, lead_days=4, ships_to_country=True),
            Offer("local", Money(3_000, "EUR"), in_stock=False, lead_days=1, ships_to_country=False),
        )
        assert (await bench.jobs.check_stock(bench.id)).offers == (
            OfferFacts("cj", 2_000, "EUR", in_stock=True, lead_days=4, ships_to_country=True),
            OfferFacts("local", 3_000, "EUR", in_stock=False, lead_days=1, ships_to_country=False),
        )

    async def test_no_supplier_knows_the_articles(self, bench: Bench) -> None:
        bench.suppliers.offers[bench.id] = ()
        assert (await bench.jobs.check_stock(bench.id)).offers == ()


class TestNoteSmallMargin:
    async def test_the_timeline_says_what_the_lead_decides_on(self, bench: Bench) -> None:
        await bench.jobs.note_small_margin(bench.id, "cj", 5_400, 6_000, "EUR", "The margin is below 15 %")
        [entry] = await bench.cases.timeline(bench.id)
        assert entry.kind == "margin_too_small"
        assert entry.sentence == "The margin is below 15 %: cj asks 54.00 EUR of 60.00 EUR, a lead decides"
        assert entry.facts == {
            "supplier": "cj",
            "cost": 5_400,
            "order_total": 6_000,
            "currency": "EUR",
            "explanation": "The margin is below 15 %",
            "offer": "cj asks 54.00 EUR of 60.00 EUR",
        }

    @pytest.mark.parametrize(
        ("currency", "offer"),
        [
            ("EUR", "cj asks 54.00 EUR of 60.00 EUR"),
            ("JPY", "cj asks 5400 JPY of 6000 JPY"),
            ("XAF", "cj asks 5400 XAF of 6000 XAF"),
            ("KWD", "cj asks 5.400 KWD of 6.000 KWD"),
        ],
    )
    async def test_the_form_gets_the_offer_in_words(self, bench: Bench, currency: str, offer: str) -> None:
        noted = await bench.jobs.note_small_margin(bench.id, "cj", 5_400, 6_000, currency, "Too little")
        assert noted == MarginOffer(offer)

    async def test_each_choice_is_noted(self, bench: Bench) -> None:
        """A lead is asked again when the supplier that was to deliver sold out, or asks for more after a wait."""
        for supplier, cost in [("cj", 4_500), ("local", 4_500), ("cj", 4_600)]:
            await bench.jobs.note_small_margin(bench.id, supplier, cost, 4_995, "EUR", "Too little")
        assert len(await bench.timeline()) == 3


class TestBookCostOfGoods:
    async def test_it_books_what_the_supplier_charges(self, bench: Bench) -> None:
        await bench.jobs.book_cost_of_goods(bench.id, "cj-1", 2_497, "EUR")
        key = f"cogs:{bench.id}"
        assert bench.ledger.postings == {key: Posting(key, "COGS", Money(2_497, "EUR"), bench.id, "cj-1")}
        assert await bench.timeline() == ["Cost of goods booked"]

    async def test_another_cost_for_the_same_order_is_not_booked_but_shown_to_a_human(self, bench: Bench) -> None:
        await bench.jobs.book_cost_of_goods(bench.id, "cj-1", 2_497, "EUR")
        with pytest.raises(EffectConflict):
            await bench.jobs.book_cost_of_goods(bench.id, "cj-1", 2_500, "EUR")
        assert len(bench.ledger.postings) == 1


class TestPublishSupplierOrderPlaced:
    async def test_it_announces_order_and_cost(self, bench: Bench) -> None:
        await bench.jobs.publish_supplier_order_placed(bench.id, "cj-1", "cj", 2_497, "EUR")
        key = f"supplier_order_placed:{bench.id}"
        payload = {
            "shopify_order_id": bench.id,
            "supplier_order_id": "cj-1",
            "cost": 2_497,
            "currency": "EUR",
        }
        assert bench.events.events == {key: Event(key, "supplier_order_placed", payload)}
        assert await bench.timeline() == ["Supplier order announced"]

    async def test_tracking_is_told_whom_to_ask(self, bench: Bench) -> None:
        for _ in range(2):
            await bench.jobs.publish_supplier_order_placed(bench.id, "cj-1", "cj", 2_497, "EUR")
        assert bench.handover.told == {
            ("tracking", "supplier_order_placed", "cj-1"): SupplierOrderPlaced(
                shopify_order_id=bench.id,
                supplier_order_id="cj-1",
                supplier="cj",
                reference=f"orderops-{bench.id}",
            )
        }


class TestPublishOrderFailed:
    async def test_it_announces_the_reason(self, bench: Bench) -> None:
        await bench.jobs.publish_order_failed(bench.id, "margin_too_small")
        key = f"order_failed:{bench.id}"
        payload = {"shopify_order_id": bench.id, "reason": "margin_too_small"}
        assert bench.events.events == {key: Event(key, "order_failed", payload)}
        assert await bench.timeline() == ["Order failed: margin too small"]

    async def test_the_customer_cannot_answer_any_more(self, bench: Bench) -> None:
        asked = await bench.jobs.ask_for_address(bench.id, 1, ["missing_postcode"])
        await bench.jobs.publish_order_failed(bench.id, "address_not_corrected")
        assert await bench.state_of(asked.address_request) == "closed"


class TestRequestRefund:
    async def test_it_asks_for_the_whole_amount(self, bench: Bench) -> None:
        await bench.jobs.request_refund(bench.id, "out_of_stock")
        key = f"refund_requested:{bench.id}"
        payload = {
            "shopify_order_id": bench.id,
            "amount": 4_995,
            "currency": "EUR",
            "reason": "out_of_stock",
        }
        assert bench.events.events == {key: Event(key, "refund_requested", payload)}
        assert await bench.timeline() == ["Refund requested"]

    async def test_it_starts_the_refund(self, bench: Bench) -> None:
        await bench.jobs.request_refund(bench.id, "out_of_stock")
        asked = RefundRequested(
            refund_id=f"{bench.id}-not_supplied",
            shopify_order_id=bench.id,
            amount=4_995,
            currency="EUR",
            reason="out_of_stock",
            requested_by="process:fulfillment",
        )
        assert bench.handover.told == {("refund", "refund_requested", asked.refund_id): asked}


class TestMarkForReturn:
    async def test_the_order_gets_a_tag_in_the_shop(self, bench: Bench) -> None:
        await bench.jobs.mark_for_return(bench.id, "cj-1")
        assert bench.shop.tags[bench.id] == ["orderops-return"]
        [entry] = await bench.cases.timeline(bench.id)
        assert (entry.sentence, entry.facts) == ("Marked for return", {"supplier_order_id": "cj-1"})
