"""bpmn/fulfillment.bpmn on the real engine: every way an order can go, judged by the outside world's books."""

from typing import Any

import pytest

from tests.engine.orders import an_order, wrong_address
from tests.engine.shop_floor import SUPPLIERS, Floor
from workers.adapters.mock_shop import MockShop

pytestmark = pytest.mark.engine

GOOD_ADDRESS = {
    "name": "A Customer",
    "street": "Hauptstraße 5",
    "street2": "",
    "city": "Berlin",
    "region": "",
    "postcode": "10115",
    "country": "DE",
}

FAR_AWAY = {
    "name": "A Customer",
    "address1": "Avenida Paulista 1000",
    "city": "São Paulo",
    "province_code": "SP",
    "zip": "01310-100",
    "country_code": "BR",
}


async def assert_supplied_once(floor: Floor, case_id: str, supplier: str | None = None) -> None:
    """One supplier order, its cost booked and announced once, and the case says the same."""
    assert await floor.ends(case_id) == "supplied"
    [order] = await floor.bought(case_id)
    [posting] = await floor.booked(case_id)
    case = await floor.app.cases.get(case_id)
    assert case is not None
    assert posting.amount_minor == order.cost_minor == case.cost_minor
    assert (await floor.events(case_id)).count("supplier_order_placed") == 1
    assert supplier in {None, order.supplier}


async def assert_refund_requested(floor: Floor, case_id: str) -> None:
    """Nothing bought, the failure announced, the money asked back: a refund of its own begins."""
    assert await floor.ends(case_id, "fulfillment") == "refund_requested"
    await floor.until(case_id, "Task_ComputeRefundable")
    assert await floor.bought(case_id) == []
    assert await floor.booked(case_id) == []
    assert await floor.events(case_id) == ["order_failed", "refund_requested"]


async def test_a_paid_order_is_supplied_once_however_often_it_is_delivered(floor: Floor) -> None:
    case_id = await floor.pay(an_order(), times=5)
    await assert_supplied_once(floor, case_id)


async def test_an_order_that_is_no_longer_wanted_is_not_bought(floor: Floor) -> None:
    case_id = await floor.pay(an_order(cancelled_at="2026-03-01T11:00:00Z"))
    assert await floor.ends(case_id) == "cancelled"
    assert await floor.bought(case_id) == []


class TestWrongAddress:
    async def test_the_customer_corrects_it_on_the_page_from_the_mail(self, floor: Floor) -> None:
        case_id = await floor.pay(an_order(shipping_address=wrong_address()))
        link = await floor.link_in_mail(case_id, "fulfillment_ask_for_address")
        answer = await floor.http.post(link, data=GOOD_ADDRESS)
        assert answer.status_code == 200
        await assert_supplied_once(floor, case_id)
        [order] = await floor.bought(case_id)
        assert order.address["postcode"] == "10115"
        assert (await floor.http.post(link, data=GOOD_ADDRESS)).status_code == 409

    async def test_an_agent_corrects_it_and_a_wrong_correction_is_asked_for_again(self, floor: Floor) -> None:
        case_id = await floor.pay(an_order(shipping_address=wrong_address()))
        first = await floor.task(case_id, "Task_CorrectAddress")
        assert (first.candidate_groups, first.priority) == (["support"], 60)
        assert first.due_at is not None
        assert (await floor.complete(first, {**GOOD_ADDRESS, "postcode": "999"})).is_success
        await floor.until(case_id, "Task_CorrectAddress", times=2)
        second = await floor.task(case_id, "Task_CorrectAddress")
        assert (await floor.complete(second, GOOD_ADDRESS)).is_success
        await assert_supplied_once(floor, case_id)
        assert len(await floor.mails(case_id, "fulfillment_ask_for_address")) == 2

    async def test_the_customer_is_reminded_after_a_day_and_refunded_after_a_week(self, floor: Floor) -> None:
        case_id = await floor.pay(an_order(shipping_address=wrong_address()))
        await floor.task(case_id, "Task_CorrectAddress")
        await floor.travel(hours=25)
        await floor.until(case_id, "Event_CustomerReminded")
        assert len(await floor.mails(case_id, "fulfillment_remind_customer")) == 1
        await floor.travel(days=6)
        await assert_refund_requested(floor, case_id)


class TestOutOfStock:
    async def test_the_next_supplier_is_taken_when_the_best_offers_nothing(self, floor: Floor) -> None:
        order = an_order()
        await floor.sold_out(str(order["id"]), "aliexpress", "cj")
        case_id = await floor.pay(order)
        await assert_supplied_once(floor, case_id, "local")

    async def test_the_next_supplier_is_taken_when_the_best_sells_out_while_we_order(self, floor: Floor) -> None:
        order = an_order()
        await floor.misbehave("supplier.place_order", "out_of_stock", str(order["id"]), times=1)
        case_id = await floor.pay(order)
        await assert_supplied_once(floor, case_id)
        [bought] = await floor.bought(case_id)
        [sold_out] = [
            entry.facts["supplier"]
            for entry in await floor.app.cases.timeline(case_id)
            if entry.kind == "supplier_out_of_stock"
        ]
        assert bought.supplier != sold_out

    async def test_the_customer_takes_the_money_back(self, floor: Floor) -> None:
        case_id = await self._none_left(floor)
        link = await floor.link_in_mail(case_id, "fulfillment_ask_refund_or_wait")
        await floor.until(case_id, "Task_AwaitChoice")
        assert (await floor.http.post(link, data={"choice": "refund"})).status_code == 200
        await assert_refund_requested(floor, case_id)

    async def test_the_customer_waits_and_gets_it_when_stock_is_back(self, floor: Floor) -> None:
        case_id = await self._none_left(floor, times=2)
        link = await floor.link_in_mail(case_id, "fulfillment_ask_refund_or_wait")
        assert (await floor.http.post(link, data={"choice": "wait"})).status_code == 200
        await floor.until(case_id, "Event_DayPassed")
        await floor.travel(days=1, minutes=1)
        await floor.until(case_id, "Event_DayPassed", times=2)
        await floor.travel(days=1, minutes=1)
        await assert_supplied_once(floor, case_id)
        assert len(await floor.mails(case_id, "fulfillment_ask_refund_or_wait")) == 1

    async def test_the_customer_waits_in_vain_and_is_refunded_after_14_days(self, floor: Floor) -> None:
        case_id = await self._none_left(floor)
        link = await floor.link_in_mail(case_id, "fulfillment_ask_refund_or_wait")
        assert (await floor.http.post(link, data={"choice": "wait"})).status_code == 200
        await floor.until(case_id, "Event_DayPassed")
        await floor.travel(days=14, minutes=1)
        await assert_refund_requested(floor, case_id)

    @pytest.mark.parametrize("outcome", ["refund", "wait"])
    async def test_the_table_chooses_for_a_customer_who_is_silent(self, floor: Floor, outcome: str) -> None:
        """Long delivery times are usual in Brazil, so there the table waits."""
        changes: dict[str, Any] = {}
        if outcome == "wait":
            changes = {"shipping_address": FAR_AWAY, "total_price": "400.00"}
        case_id = await self._none_left(floor, **changes)
        await floor.until(case_id, "Task_AwaitChoice")
        await floor.travel(days=3, minutes=1)
        await floor.until(case_id, "Task_ChooseForCustomer", "ELEMENT_COMPLETED")
        if outcome == "refund":
            await assert_refund_requested(floor, case_id)
        else:
            await floor.until(case_id, "Event_DayPassed")
            await floor.cancel(case_id)
            assert await floor.ends(case_id) == "cancelled"

    @staticmethod
    async def _none_left(floor: Floor, times: int | None = None, **changes: Any) -> str:
        order = an_order(**changes)
        await floor.sold_out(str(order["id"]), *SUPPLIERS, times=times)
        return await floor.pay(order)


class TestSilentSupplier:
    @pytest.mark.parametrize("kind", ["answer_lost", "error_after"])
    async def test_an_order_whose_answer_was_lost_is_found_and_not_placed_again(
        self, floor: Floor, kind: str
    ) -> None:
        order = an_order()
        await floor.misbehave("supplier.place_order", kind, str(order["id"]), times=1, value=50)
        case_id = await floor.pay(order)
        await floor.until(case_id, "Event_SupplierHadTime")
        await floor.travel(seconds=11)
        await assert_supplied_once(floor, case_id)
        [bought] = await floor.bought(case_id)
        assert bought.requests == 1

    async def test_an_order_that_never_arrived_is_placed_again(self, floor: Floor) -> None:
        order = an_order()
        await floor.misbehave("supplier.place_order", "timeout", str(order["id"]), times=1, value=50)
        case_id = await floor.pay(order)
        await floor.until(case_id, "Event_SupplierHadTime")
        await floor.travel(seconds=11)
        await assert_supplied_once(floor, case_id)
        await floor.until(case_id, "Flow_SupplierHasNoOrder", "SEQUENCE_FLOW_TAKEN")


class TestSmallMargin:
    @pytest.mark.parametrize("buy_anyway", [True, False])
    async def test_a_lead_decides(self, floor: Floor, buy_anyway: bool) -> None:
        """No supplier asks less than 45 % of the articles' 100.00, so little is left of this total."""
        case_id = await floor.pay(an_order(total_price="52.00"))
        task = await floor.task(case_id, "Task_DecideOnMargin")
        assert task.candidate_groups == ["lead"]
        [noted] = [each for each in await floor.app.cases.timeline(case_id) if each.kind == "margin_too_small"]
        assert noted.facts["supplier"] in noted.sentence
        assert noted.facts["order_total"] == 5_200
        answer = await floor.complete(task, {"buy_anyway": buy_anyway})
        assert answer.is_success, answer.text
        if buy_anyway:
            await assert_supplied_once(floor, case_id)
        else:
            await assert_refund_requested(floor, case_id)


class TestCancelled:
    async def test_before_buying_nothing_is_bought(self, floor: Floor) -> None:
        case_id = await floor.pay(an_order(shipping_address=wrong_address()))
        link = await floor.link_in_mail(case_id, "fulfillment_ask_for_address")
        await floor.cancel(case_id)
        assert await floor.ends(case_id) == "cancelled"
        assert await floor.bought(case_id) == []
        assert (await floor.http.get(link)).status_code == 410

    async def test_after_buying_the_cost_is_booked_and_the_goods_go_back(self, floor: Floor) -> None:
        order = an_order()
        await floor.misbehave("ledger.book", "unavailable", str(order["id"]), times=3)
        case_id = await floor.pay(order)
        await floor.until(case_id, "Task_BookCostOfGoods")
        await floor.cancel(case_id)
        assert await floor.ends(case_id) == "marked_for_return"
        assert len(await floor.bought(case_id)) == len(await floor.booked(case_id)) == 1
        assert "orderops-return" in (await MockShop(floor.world).find_row(case_id)).tags

    async def test_after_the_case_has_ended_the_goods_go_back_too(self, floor: Floor) -> None:
        case_id = await floor.pay(an_order())
        await assert_supplied_once(floor, case_id)
        await floor.cancel(case_id)
        await floor.until(case_id, "Event_LateMarkedForReturn")
        assert await floor.ends(case_id) == "marked_for_return"
        assert len(await floor.bought(case_id)) == len(await floor.booked(case_id)) == 1
        assert "orderops-return" in (await MockShop(floor.world).find_row(case_id)).tags
        assert "marked_for_return" in [entry.kind for entry in await floor.app.cases.timeline(case_id)]
        again = await floor.deliver(
            "orders-cancelled", an_order(id=int(case_id), cancelled_at="2026-03-02T10:00:00Z")
        )
        assert again.json()["duplicate"]

    async def test_before_its_payment_is_heard_of_nothing_is_bought(self, floor: Floor) -> None:
        order = an_order(cancelled_at="2026-03-01T11:00:00Z")
        case_id = str(order["id"])
        await floor.cancel(case_id)
        await floor.until(case_id, "Event_LateOrderStopped")
        assert await floor.ends(case_id) == "cancelled"
        await floor.pay(order)
        await floor.until(case_id, "Event_OrderAlreadyStopped")
        assert await floor.ends(case_id) == "cancelled"
        assert await floor.bought(case_id) == []


async def test_an_order_the_shop_does_not_know_becomes_an_incident_that_says_so(floor: Floor) -> None:
    order = an_order()
    await floor.misbehave("shop.get_order", "not_found", str(order["id"]))
    case_id = await floor.pay(order)
    incident = await floor.incident(case_id)
    assert str(order["id"]) in incident.message
    case = await floor.app.cases.get(case_id)
    assert case is not None
    assert case.state == "incident"
