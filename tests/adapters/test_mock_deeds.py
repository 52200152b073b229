"""`orderops mock`, by those who act as supplier, carrier, bank, or time itself."""

import asyncio
from datetime import timedelta

import pytest

from tests.adapters.command import mock_command
from tests.fakes.samples import ADDRESS, LINES, shopify_order
from workers.adapters.mock_behaviour import Kind, misbehave
from workers.adapters.mock_carriers import MockCarriers
from workers.adapters.mock_payments import MockPayments
from workers.adapters.mock_shop import MockShop
from workers.adapters.mock_supplier import MockSuppliers
from workers.adapters.mock_world import MockWorld
from workers.ports.carriers import ParcelState
from workers.ports.payments import DisputeState, RefundState
from workers.ports.values import Money
from workers.runtime.errors import UserError
from workers.runtime.mocked.clock import duration, travel

pytestmark = pytest.mark.usefixtures("stack_settings")


async def mock(*arguments: str) -> str:
    return await asyncio.to_thread(mock_command, *arguments)


@pytest.fixture
async def order(world: MockWorld, unique: str) -> str:
    """An order that was paid and bought."""
    await MockShop(world).seed_order(shopify_order(unique))
    await MockSuppliers(world).place_order("cj", f"orderops-{unique}", LINES, ADDRESS, Money(2_500, "EUR"))
    return unique


class TestParcels:
    async def test_an_order_is_shipped_scanned_and_delivered(self, world: MockWorld, order: str) -> None:
        number = f"JD{order}"
        assert f"cj has given {number} to ups" in await mock("ship", order, "--number", number, "--carrier", "ups")
        said = await mock("scan", number, "at_customs", "--place", "Koeln", "--at", "2026-03-05T10:00:00Z")
        assert f"ups says of {number}: at_customs in Koeln, 2026-03-0" in said
        assert "delivered" in await mock("deliver", number)
        parcel = await MockCarriers(world).track("ups", number)
        assert [scan.state for scan in parcel.scans] == [ParcelState.AT_CUSTOMS, ParcelState.DELIVERED]
        listed = await mock("parcels", "--order", order)
        assert number in listed
        assert "delivered" in listed

    async def test_what_is_shipped_in_parts_is_complete_with_the_last(self, world: MockWorld, order: str) -> None:
        assert "more will follow" in await mock("ship", order, "--part")
        assert not (await MockSuppliers(world).get_shipment("cj", f"orderops-{order}")).complete
        assert "more will follow" not in await mock("ship", order)
        shipment = await MockSuppliers(world).get_shipment("cj", f"orderops-{order}")
        assert shipment.complete
        assert len({parcel.tracking_number for parcel in shipment.parcels}) == 2
        with pytest.raises(UserError, match="Nothing of order"):
            await mock("ship", order)

    async def test_several_supplier_orders_have_numbers_of_their_own(self, world: MockWorld, order: str) -> None:
        await MockSuppliers(world).place_order("local", f"orderops-{order}-2", LINES, ADDRESS, Money(2_500, "EUR"))
        with pytest.raises(UserError, match="a number of its own"):
            await mock("ship", order, "--number", "JD01")
        assert (await mock("ship", order)).count("has given") == 2

    async def test_a_parcel_nobody_has_sent_needs_its_carrier(self, unique: str) -> None:
        with pytest.raises(UserError, match=f"No supplier has sent a parcel {unique}") as error:
            await mock("deliver", unique)
        assert "--carrier" in str(error.value.hint)
        assert "delivered" in await mock("deliver", unique, "--carrier", "dhl")

    async def test_empty_books_say_so(self, unique: str) -> None:
        assert "Nothing has been sent" in await mock("parcels", "--order", unique)

    async def test_a_parcel_that_we_told_the_shop_of_is_shown_there(self, world: MockWorld, order: str) -> None:
        await mock("ship", order, "--number", f"JD{order}")
        assert f"JD{order}" not in await mock("shop", "show", order)
        await MockShop(world).create_fulfillment(order, "dhl", f"JD{order}")
        assert f"JD{order} by dhl" in await mock("shop", "show", order)


class TestMoney:
    async def test_a_charge_is_disputed_and_lost(self, world: MockWorld, order: str) -> None:
        said = await mock("dispute", order, "--reason", "fraudulent", "--amount", "20.00", "--due-in", "36h")
        assert f"claims 20.00 EUR of ch_{order} back" in said
        dispute = said.split()[0]
        opened = await MockPayments(world).get_dispute(dispute)
        assert (opened.reason, opened.amount) == ("fraudulent", Money(2_000, "EUR"))
        left = opened.evidence_due_by - await world.now()
        assert timedelta(hours=35) < left < timedelta(hours=37)
        assert dispute in await mock("disputes", "--order", order)
        assert "is lost" in await mock("close-dispute", dispute, "--lost")
        assert (await MockPayments(world).get_dispute(dispute)).state is DisputeState.LOST
        assert "yes" in await mock("charges", "--order", order)

    async def test_a_dispute_is_about_everything_unless_told_otherwise(self, order: str) -> None:
        said = await mock("dispute", order)
        assert "claims 49.95 EUR" in said
        assert "is won" in await mock("close-dispute", said.split()[0], "--won")

    async def test_a_pending_refund_is_settled(self, world: MockWorld, order: str) -> None:
        await misbehave(world, "payments.refund", Kind.PENDING, order)
        made = await MockPayments(world).refund(f"ch_{order}", f"{order}-lost", Money(1_000, "EUR"), "lost")
        assert "pending" in await mock("refunds", "--order", order)
        assert f"10.00 EUR of ch_{order}, is succeeded" in await mock("settle-refund", made.id)
        found = await MockPayments(world).find_refund(f"ch_{order}", f"{order}-lost")
        assert found is not None
        assert found.state is RefundState.SUCCEEDED

    @pytest.mark.parametrize("reference", ["{}-lost", "orderops-{}-lost", "orderops-{}-lost:2"])
    async def test_a_refund_comes_back_by_our_id(self, world: MockWorld, order: str, reference: str) -> None:
        await MockPayments(world).refund(f"ch_{order}", reference.format(order), Money(1_000, "EUR"), "lost")
        said = await mock("fail-refund", f"{order}-lost", "--reason", "lost_or_stolen_card")
        assert "is failed (lost_or_stolen_card)" in said
        assert "failed (lost_or_stolen_card)" in await mock("refunds", "--order", order)

    @pytest.mark.parametrize("amount", ["-1.00", "1.234", "0.00", "a lot", "NaN", "1e2", ""])
    async def test_an_amount_that_is_none_is_refused(self, order: str, amount: str) -> None:
        with pytest.raises(UserError, match="no amount in EUR"):
            await mock("dispute", order, f"--amount={amount}")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["dispute", "nowhere"], "no charge nowhere"),
            (["close-dispute", "nowhere", "--won"], "no dispute nowhere"),
            (["close-dispute", "nowhere"], "Who has won"),
            (["settle-refund", "nowhere"], "no refund nowhere"),
            (["fail-refund", "nowhere"], "no refund nowhere"),
            (["ship", "nowhere"], "Nothing of order nowhere"),
            (["pass-time", "soon"], "soon is no length of time"),
            (["pass-time", "999999999999d"], "longer than anybody can wait"),
            (["dispute", "nowhere", "--due-in", "tomorrow"], "no length of time"),
        ],
    )
    async def test_a_wrong_call_is_one_clear_sentence_with_a_hint(self, arguments: list[str], words: str) -> None:
        with pytest.raises(UserError, match=words) as error:
            await mock(*arguments)
        assert error.value.hint

    async def test_empty_books_say_so(self, unique: str) -> None:
        assert "Nothing has been paid" in await mock("charges", "--order", unique)
        assert "Nothing has been given back" in await mock("refunds", "--order", unique)
        assert "Nothing is disputed" in await mock("disputes", "--order", unique)


class TestTime:
    async def test_passes_outside_and_says_when_the_engine_stays_behind(self, world: MockWorld) -> None:
        before = await world.now()
        said = await mock("pass-time", "1d1h")
        assert await world.now() - before >= timedelta(hours=25)
        assert "in the outside world now" in said
        assert "--controlled-clock" in said
        assert "engine" not in await mock("pass-time", "1h", "--outside-only")

    async def test_an_engine_that_does_not_answer_stays_behind(self, world: MockWorld) -> None:
        assert not await travel(world, "http://127.0.0.1:9", timedelta(seconds=1))

    @pytest.mark.parametrize(
        ("text", "seconds"), [("25h", 90_000), ("10d", 864_000), ("1d12h30m", 131_400), ("90s", 90)]
    )
    def test_is_written_with_its_units(self, text: str, seconds: int) -> None:
        assert duration(text) == timedelta(seconds=seconds)

    @pytest.mark.parametrize("text", ["", "25", "h", "-1h", "1.5h", "1h soon", "1w"])
    def test_what_is_no_length_is_refused(self, text: str) -> None:
        with pytest.raises(UserError, match="no length of time"):
            duration(text)
