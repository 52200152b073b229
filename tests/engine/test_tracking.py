"""bpmn/tracking.bpmn on the real engine: every way a parcel can go, judged by the outside world's books."""

import time
from typing import Any

import pytest
from sqlalchemy import select

from api.people import Role
from tests.engine.parcels import CARRIER, Ordered, bought, ordered, tell
from tests.engine.refund_desk import YES, Desk
from tests.engine.shop_floor import TOKEN, Floor
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_support_books import AlertRow
from workers.ports.carriers import ParcelState

pytestmark = pytest.mark.engine

FAR_AWAY = {
    "name": "A Customer",
    "address1": "Avenida Paulista 1000",
    "city": "São Paulo",
    "province_code": "SP",
    "zip": "01310-100",
    "country_code": "BR",
}


async def shipped(floor: Floor, **changes: Any) -> tuple[Ordered, str]:
    """An order whose one parcel is watched."""
    order = await ordered(floor, **changes)
    number = await order.ships()
    await order.on_the_way()
    return order, number


async def decided(order: Ordered, **answers: Any) -> None:
    """A person decides on the stuck parcel."""
    task = await order.task()
    answer = await order.floor.complete(task, answers)
    assert answer.is_success, answer.text


async def paid_back(order: Ordered, what: str, number: str) -> list[int]:
    """A lead approves the refund; what the payment provider has given back then."""
    desk = Desk(order.floor, order.case_id, 0)
    task = await desk.task(f"{order.case_id}-{what}-{number}")
    answer = await desk.complete(task, await desk.somebody(Role.LEAD), YES)
    assert answer.is_success, answer.text
    assert await order.ends(times=await order.instances()) == "refunded"
    return await desk.paid_back()


class TestOnItsWay:
    async def test_shop_customer_and_bus_are_told_once_and_it_is_followed_until_delivered(
        self, floor: Floor
    ) -> None:
        order, number = await shipped(floor)
        assert await order.fulfillments() == [number]
        [mail] = await floor.mails(order.case_id, "tracking_on_the_way")
        assert number in mail.text
        assert await order.announced("order_fulfilled") == [{"shopify_order_id": order.case_id}]
        await order.scanned(number, ParcelState.IN_TRANSIT)
        await order.on_the_way(times=2)
        await order.scanned(number, ParcelState.DELIVERED)
        assert await order.ends() == "delivered"
        assert await order.untaken() == []

    async def test_what_is_told_before_the_parcel_is_known_is_matched_when_it_is(self, floor: Floor) -> None:
        order = await ordered(floor)
        number = await order.ships(told=False)
        await order.scanned(number, ParcelState.IN_TRANSIT)
        assert await order.untaken() == ["parcel_moved"]
        await order.says_shipped(number)
        await order.on_the_way(times=2)
        assert await order.untaken() == []

    async def test_polling_finds_what_nobody_told(self, floor: Floor) -> None:
        order = await ordered(floor)
        number = await order.ships(told=False)
        await floor.travel(hours=6, minutes=1)
        await order.on_the_way()
        await order.scanned(number, ParcelState.DELIVERED, told=False)
        await floor.travel(days=1, minutes=1)
        assert await order.ends() == "delivered"

    async def test_webhook_and_polling_together_act_once(self, floor: Floor) -> None:
        order = await ordered(floor)
        number = await order.ships(told=False)
        await floor.travel(hours=6, minutes=1)
        await order.says_shipped(number)
        await order.on_the_way()
        assert await order.fulfillments() == [number]
        assert len(await floor.mails(order.case_id, "tracking_on_the_way")) == 1
        assert len(await order.announced("order_fulfilled")) == 1

    async def test_of_several_parcels_each_is_told_and_the_order_is_fulfilled_with_the_last(
        self, floor: Floor
    ) -> None:
        order = await ordered(floor)
        first = await order.ships(complete=False)
        await order.until("Gateway_AwaitShipment", times=2)
        assert await order.announced("order_fulfilled") == []
        await order.says_shipped("nothing new")
        await order.until("Flow_NothingNew", "SEQUENCE_FLOW_TAKEN")
        second = await order.ships()
        await order.on_the_way(times=2)
        assert await order.fulfillments() == [first, second]
        assert len(await floor.mails(order.case_id, "tracking_on_the_way")) == 2
        assert len(await order.announced("order_fulfilled")) == 1
        await order.scanned(second, ParcelState.DELIVERED)
        await order.scanned(first, ParcelState.DELIVERED)
        assert await order.ends() == "delivered"


class TestNoMovement:
    async def test_ten_quiet_days_pass_in_less_than_a_second_and_the_goods_are_sent_again(
        self, floor: Floor
    ) -> None:
        order, number = await shipped(floor)
        began = time.monotonic()
        await floor.travel(days=10, minutes=1)
        assert time.monotonic() - began < 1
        assert await order.ends() == "reshipped"
        [delay] = await order.announced("shipping_delayed")
        assert (delay["tracking_number"], delay["reason"]) == (number, "quiet")
        again = await bought(floor, order.case_id, again=True)
        assert len(await floor.booked(order.case_id)) == 2
        second = await again.ships()
        await again.on_the_way(times=2)
        await again.scanned(second, ParcelState.DELIVERED)
        assert await again.ends(times=2) == "delivered"
        assert len(await order.announced("order_fulfilled")) == 1

    async def test_every_scan_begins_the_ten_days_anew(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await floor.travel(days=9)
        await order.on_the_way(times=2)
        await order.scanned(number, ParcelState.IN_TRANSIT)
        await order.on_the_way(times=3)
        await floor.travel(days=9)
        await order.on_the_way(times=4)
        assert await order.announced("shipping_delayed") == []
        await floor.travel(days=1, minutes=2)
        assert await order.ends() == "reshipped"

    async def test_far_away_the_table_waits_and_a_parcel_that_comes_after_all_is_delivered(
        self, floor: Floor
    ) -> None:
        order, number = await shipped(floor, shipping_address=FAR_AWAY)
        await floor.travel(days=10, minutes=1)
        await order.until("Flow_WaitMore", "SEQUENCE_FLOW_TAKEN")
        await order.on_the_way(times=2)
        await order.scanned(number, ParcelState.DELIVERED)
        assert await order.ends() == "delivered"

    async def test_what_cannot_be_sent_again_is_paid_back(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await floor.sold_out(order.case_id)
        await floor.travel(days=10, minutes=1)
        assert await paid_back(order, "quiet", number) == [11_900]
        assert await order.instances() == 1

    async def test_a_supplier_that_sells_out_meanwhile_leads_to_the_money_too(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await floor.misbehave("supplier.place_order", "out_of_stock", order.case_id)
        await floor.travel(days=10, minutes=1)
        assert await paid_back(order, "quiet", number) == [11_900]


class TestInTrouble:
    async def test_what_is_lost_once_is_sent_again_and_what_is_lost_twice_is_paid_back(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await order.scanned(number, ParcelState.LOST)
        assert await order.ends() == "reshipped"
        again = await bought(floor, order.case_id, again=True)
        second = await again.ships()
        await again.on_the_way(times=2)
        await again.scanned(second, ParcelState.LOST)
        assert await paid_back(again, "lost", second) == [11_900]
        reasons = [event["reason"] for event in await order.announced("shipping_delayed")]
        assert reasons == ["lost", "lost"]

    async def test_a_small_parcel_that_comes_back_is_paid_back(self, floor: Floor) -> None:
        order, number = await shipped(floor, total_price="45.00", line_items=small_lines())
        await order.scanned(number, ParcelState.RETURNED)
        assert await paid_back(order, "returned", number) == [4_500]

    @pytest.mark.parametrize(
        ("answers", "outcome"),
        [
            ({"answer": "nothing"}, "closed"),
            ({"answer": "reship"}, "reshipped"),
            ({"answer": "refund", "refund_amount": 12.5}, [1_250]),
        ],
    )
    async def test_a_person_decides_on_a_large_one(
        self, floor: Floor, answers: dict[str, Any], outcome: str | list[int]
    ) -> None:
        order, number = await shipped(floor)
        await order.scanned(number, ParcelState.RETURNED)
        task = await order.task()
        assert (task.candidate_groups, task.priority) == (["support"], 65)
        assert task.due_at is not None
        await decided(order, **answers)
        if isinstance(outcome, list):
            assert await paid_back(order, "returned", number) == outcome
        else:
            assert await order.ends() == outcome

    async def test_a_person_who_does_not_decide_is_reminded_and_may_wait(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await order.scanned(number, ParcelState.RETURNED)
        await order.task()
        await floor.travel(days=1, minutes=1)
        await order.until("Event_OverdueAnnounced")
        assert len(await order.announced("parcel_decision_overdue")) == 1
        [call] = await floor.world.rows(select(AlertRow).where(AlertRow.message.contains(order.case_id)))
        assert (call.to, call.level) == ("lead", "warning")
        await decided(order, answer="wait")
        await order.on_the_way(times=2)
        await floor.travel(days=1, minutes=1)
        await order.on_the_way(times=3)
        await floor.travel(days=2, minutes=1)
        await order.until("Task_DecideOnParcel", times=2)
        await decided(order, answer="refund")
        assert await paid_back(order, "returned", number) == [11_900]

    async def test_other_news_is_taken_at_once_whatever_was_waited_for(self, floor: Floor) -> None:
        """Somebody waits for three days; in the meantime it is damaged."""
        order, number = await shipped(floor)
        await order.scanned(number, ParcelState.RETURNED)
        await decided(order, answer="wait")
        await order.on_the_way(times=2)
        await order.scanned(number, ParcelState.DAMAGED)
        await order.until("Task_PublishShippingDelayed", "ELEMENT_COMPLETED", times=2)
        delays = await order.announced("shipping_delayed")
        assert [delay["reason"] for delay in delays] == ["returned", "damaged"]

    async def test_what_lies_at_a_shop_is_not_quiet(self, floor: Floor) -> None:
        """The customer has not collected it in eleven days; its carrier brings it back one day, and says so."""
        order, number = await shipped(floor)
        await order.scanned(number, ParcelState.TO_BE_COLLECTED)
        await order.on_the_way(times=2)
        await floor.travel(days=11, minutes=1)
        await order.on_the_way(times=3)
        assert await order.announced("shipping_delayed") == []
        await order.scanned(number, ParcelState.DELIVERED)
        assert await order.ends() == "delivered"

    async def test_customs_are_waited_for_and_then_a_person_looks(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await order.scanned(number, ParcelState.AT_CUSTOMS)
        await order.on_the_way(times=2)
        await floor.travel(days=10, minutes=1)
        await order.until("Flow_WaitMore", "SEQUENCE_FLOW_TAKEN")
        await order.on_the_way(times=3)
        await floor.travel(days=10, minutes=1)
        await order.task()
        [delay] = await order.announced("shipping_delayed")
        assert delay["reason"] == "customs"
        await decided(order, answer="nothing")
        assert await order.ends() == "closed"

    async def test_one_of_several_is_for_a_person_and_made_good_when_all_are_settled(self, floor: Floor) -> None:
        order = await ordered(floor)
        first, second = await order.ships(complete=False), await order.ships()
        await order.on_the_way(times=2)
        await order.scanned(first, ParcelState.DAMAGED)
        await decided(order, answer="refund", refund_amount=20)
        await order.until("Event_RemedyDecided")
        await order.scanned(second, ParcelState.DELIVERED)
        assert await order.ends() == "refunded"

    @pytest.mark.parametrize(
        ("lead", "outcome", "given_back"),
        [
            (YES, "reshipped_and_refunded", [6_000]),
            ({"decision": "reject", "why": "He keeps it"}, "reshipped_not_refunded", []),
        ],
    )
    async def test_one_parcel_is_sent_again_and_the_other_paid_back(
        self, floor: Floor, lead: dict[str, Any], outcome: str, given_back: list[int]
    ) -> None:
        order, first = await one_of_each(floor)
        desk = Desk(floor, order.case_id, 0)
        task = await desk.task(f"{order.case_id}-damaged-{first}")
        again = await bought(floor, order.case_id, again=True)
        assert len(await floor.booked(order.case_id)) == 2
        assert (await desk.complete(task, await desk.somebody(Role.LEAD), lead)).is_success
        assert await order.ends() == outcome
        assert await desk.paid_back() == given_back
        await again.ships()
        await again.on_the_way(times=3)

    async def test_what_cannot_be_sent_again_after_all_is_paid_back_beside_the_rest(self, floor: Floor) -> None:
        """Nobody knows what lies in the parcel that was to be sent again: the order's worth goes back, no more."""
        order, first = await one_of_each(floor, sells_out=True)
        assert await paid_back(order, "damaged", first) == [11_900]
        assert await order.instances() == 1

    async def test_money_that_is_not_paid_back_is_an_end_of_its_own(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await order.scanned(number, ParcelState.RETURNED)
        await decided(order, answer="refund")
        desk = Desk(floor, order.case_id, 0)
        task = await desk.task(f"{order.case_id}-returned-{number}")
        no = {"decision": "reject", "why": "It came back because nobody was at home"}
        assert (await desk.complete(task, await desk.somebody(Role.LEAD), no)).is_success
        assert await order.ends() == "not_refunded"
        assert await desk.paid_back() == []


async def one_of_each(floor: Floor, *, sells_out: bool = False) -> tuple[Ordered, str]:
    """Of two parcels the first is to be paid back, the second to be sent again; and the number of the first."""
    order = await ordered(floor)
    first, second = await order.ships(complete=False), await order.ships()
    await order.on_the_way(times=2)
    if sells_out:
        await floor.misbehave("supplier.place_order", "out_of_stock", order.case_id)
    await order.scanned(first, ParcelState.DAMAGED)
    await decided(order, answer="refund", refund_amount=60)
    await order.until("Event_RemedyDecided")
    await order.scanned(second, ParcelState.LOST)
    await decided(order, answer="reship")
    return order, first


async def not_cancelled(floor: Floor) -> Ordered:
    """Nothing was sent for ten days, and the supplier does not cancel it."""
    order = await ordered(floor)
    await floor.misbehave("supplier.cancel_order", "refused", order.case_id)
    await floor.travel(hours=6, minutes=1)
    await order.until("Gateway_AwaitShipment", times=2)
    await floor.travel(days=10)
    await order.until("Flow_SentAfterAll", "SEQUENCE_FLOW_TAKEN")
    await order.until("Gateway_AwaitShipment", times=3)
    return order


class TestNeverShipped:
    async def test_after_ten_days_it_is_cancelled_and_bought_elsewhere(self, floor: Floor) -> None:
        order = await ordered(floor)
        await floor.travel(hours=6, minutes=1)
        await order.until("Gateway_AwaitShipment", times=2)
        await floor.travel(days=10)
        assert await order.ends() == "reshipped"
        again = await bought(floor, order.case_id, again=True)
        assert again.supplier != order.supplier
        [delay] = await order.announced("shipping_delayed")
        assert delay["reason"] == "never_shipped"

    async def test_what_is_neither_sent_nor_cancelled_is_for_a_lead_to_decide(self, floor: Floor) -> None:
        order = await not_cancelled(floor)
        await floor.travel(days=10)
        assert (await order.task()).candidate_groups == ["lead"]
        [delay] = await order.announced("shipping_delayed")
        assert delay["reason"] == "withheld"
        await decided(order, answer="reship")
        assert await order.ends() == "reshipped"
        assert (await bought(floor, order.case_id, again=True)).supplier != order.supplier

    async def test_what_the_supplier_has_sent_after_all_is_followed(self, floor: Floor) -> None:
        order = await not_cancelled(floor)
        number = await order.ships()
        await order.on_the_way()
        await order.scanned(number, ParcelState.DELIVERED)
        assert await order.ends() == "delivered"

    async def test_what_the_supplier_gives_up_is_made_good_beside_what_it_sent(self, floor: Floor) -> None:
        order = await ordered(floor)
        number = await order.ships(complete=False)
        await order.until("Gateway_AwaitShipment", times=2)
        await order.supplier_gives_up()
        await order.says_shipped("nothing more")
        await order.on_the_way()
        await order.scanned(number, ParcelState.DELIVERED)
        await decided(order, answer="refund", refund_amount=10)
        assert await paid_back(order, "never_shipped", order.reference) == [1_000]
        assert await order.announced("order_fulfilled") == []


class TestNotReceived:
    async def test_delivered_says_the_carrier_and_not_received_says_the_customer(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await order.scanned(number, ParcelState.DELIVERED)
        assert await order.ends() == "delivered"
        payload = {"tracking_number": number, "shopify_order_id": order.case_id}
        assert (await tell(floor, "parcel_not_received", payload)).status_code == 202
        task = await order.task()
        assert task.candidate_groups == ["lead"]
        await decided(order, answer="reship")
        assert await order.ends(times=2) == "reshipped"
        [delay] = await order.announced("shipping_delayed")
        assert delay["reason"] == "not_received"

    async def test_the_same_parcel_may_be_missed_again_and_the_rest_paid(self, floor: Floor) -> None:
        """Each complaint has a refund of its own; together they are no more than was paid."""
        order, number = await shipped(floor)
        await order.scanned(number, ParcelState.DELIVERED)
        assert await order.ends() == "delivered"
        for complaint, amount, paid in (("ticket-1", 5, [500]), ("ticket-2", 7, [500, 700])):
            told = {"tracking_number": number, "shopify_order_id": order.case_id, "complaint": complaint}
            assert (await tell(floor, "parcel_not_received", told)).status_code == 202
            await decided(order, answer="refund", refund_amount=amount)
            assert await paid_back(order, "not_received", f"{number}-{complaint}") == paid

    async def test_a_parcel_that_is_still_on_its_way_is_watched_on(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        payload = {"tracking_number": number, "shopify_order_id": order.case_id}
        await tell(floor, "parcel_not_received", payload)
        assert await order.ends() == "on_its_way"
        await order.scanned(number, ParcelState.DELIVERED)
        assert await order.ends(times=2) == "delivered"

    async def test_waiting_for_it_ends_with_the_order_being_cancelled(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await order.scanned(number, ParcelState.DELIVERED)
        assert await order.ends() == "delivered"
        await tell(floor, "parcel_not_received", {"tracking_number": number, "shopify_order_id": order.case_id})
        await decided(order, answer="wait")
        await order.on_the_way(times=2)
        await order.shop_cancels()
        assert await order.ends(times=2) == "delivered"


class TestCancelled:
    async def test_what_is_on_its_way_is_asked_back(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await order.shop_cancels()
        assert await order.ends() == "recalled"
        assert (await MockCarriers(floor.world).track(CARRIER, number)).recalled

    async def test_what_was_not_sent_is_not_sent(self, floor: Floor) -> None:
        order = await ordered(floor)
        await order.shop_cancels()
        assert await order.ends() == "recalled"
        assert await order.fulfillments() == []

    async def test_what_cannot_be_asked_back_is_too_late(self, floor: Floor) -> None:
        order, number = await shipped(floor)
        await floor.misbehave("carriers.recall", "refused", number)
        await order.shop_cancels()
        assert await order.ends() == "recalled_too_late"

    async def test_all_that_bring_parcels_of_the_order_hear_of_it(self, floor: Floor) -> None:
        """The engine tells one instance of a process only: one parcel is on its way, two are missed."""
        order = await ordered(floor)
        missed = [await order.ships(complete=False), await order.ships(complete=False)]
        number = await order.ships()
        await order.on_the_way(times=3)
        for one in missed:
            await order.scanned(one, ParcelState.DELIVERED)
        await order.until("Event_ParcelDelivered", times=2)
        for one in missed:
            await tell(floor, "parcel_not_received", {"tracking_number": one, "shopify_order_id": order.case_id})
        await order.until("Task_DecideOnParcel", times=2)
        await order.shop_cancels()
        assert await order.all_ends(3) == ["delivered"] * 3
        assert (await MockCarriers(floor.world).track(CARRIER, number)).recalled

    async def test_who_comes_later_hears_of_it_too(self, floor: Floor) -> None:
        """The first instance has heard of it and ended when another one begins."""
        order = await ordered(floor)
        await order.shop_cancels()
        assert await order.ends() == "recalled"
        answer = await floor.http.post(
            "/processes/tracking/instances",
            json={
                "shopify_order_id": order.case_id,
                "supplier_order_id": f"{order.supplier_order_id}-2",
                "supplier": order.supplier,
                "reference": order.reference,
            },
            headers={"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": f"later-{order.case_id}"},
        )
        assert answer.status_code == 202, answer.text
        assert await order.all_ends(2) == ["recalled"] * 2

    async def test_a_stuck_parcel_of_a_cancelled_order_is_owed_nothing(self, floor: Floor) -> None:
        """The shop's word is not here yet when the table asks the shop."""
        order, number = await shipped(floor)
        await order.cancelled_in_shop()
        await order.scanned(number, ParcelState.LOST)
        assert await order.ends() == "closed"


def small_lines() -> list[dict[str, Any]]:
    return [{"sku": "SOCKS-1", "title": "Socks", "quantity": 1, "price": "20.00"}]
