"""Making a refund at the payment provider, through the journal and under a reference that the provider keeps; and
where it stands by that, in our books and in the timeline."""

from typing import NamedTuple

from workers.casefile.cases import Cases, Entry
from workers.casefile.journal import Intent, Journal
from workers.casefile.refund_entries import came_back_for, nth, stands, words
from workers.casefile.refund_models import Refund, Standing
from workers.casefile.refunds import Refunds
from workers.ports.currencies import describe
from workers.ports.payments import Payments, RefundRefusedError, RefundState
from workers.ports.payments import Refund as Made
from workers.ports.values import Money
from workers.runtime.errors import NeedsHuman, OutcomeUnknown, Unavailable

STANDS = {
    RefundState.PENDING: Standing.SENT,
    RefundState.SUCCEEDED: Standing.SETTLED,
    RefundState.FAILED: Standing.FAILED,
}
OPEN = (Standing.APPROVED, Standing.UNKNOWN, Standing.SENT)
"""Where a refund may stand while it is made."""
ON_ITS_WAY = "The provider has it; the money is on its way"


class RefusedError(NeedsHuman):
    """The provider will not make this refund, and did nothing; its text is the provider's word for why."""


class Stand(NamedTuple):
    """Where a refund stands now; `words` says it for people."""

    state: Standing
    words: str


class Maker:
    """Makes the one refund under an id and attempt, follows it, or sees to it that it is never made."""

    def __init__(self, payments: Payments, journal: Journal, refunds: Refunds, cases: Cases) -> None:
        self._payments = payments
        self._journal = journal
        self._refunds = refunds
        self._cases = cases

    async def make(self, refund: Refund) -> Stand:
        """Once per refund and attempt: by the journal, and by our reference in the provider's own books.

        A provider that says nothing makes it unknown; what is unknown already stays so while nobody answers.
        Raises Unavailable when it surely was not made.
        """
        try:
            made = await self._journal.once(self._intent(refund))
        except RefusedError as refusal:
            return await self._failed(refund, str(refusal))
        except (OutcomeUnknown, Unavailable) as error:
            if isinstance(error, Unavailable) and refund.state != Standing.UNKNOWN:
                raise
            await self._refunds.move(refund, Standing.UNKNOWN, out_of=OPEN)
            key = f"refund_unknown:{refund.id}:{refund.attempt}"
            standing = "The provider gave no clear answer: it may have been made, or not"
            return await self._tell(refund, key, "refund_unknown", Stand(Standing.UNKNOWN, standing))
        return await self._made(refund, made)

    async def may_have(self, refund: Refund) -> bool:
        """Whether the provider has it, or may; of one that was approved only the journal and the provider know."""
        if refund.state == Standing.APPROVED:
            return await self._journal.settle(self._intent(refund)) is not None
        return refund.state in {Standing.UNKNOWN, Standing.SENT, Standing.SETTLED}

    async def follow(self, refund: Refund) -> Stand:
        """Ask the provider; what surely never got there is made. Once, as above."""
        if refund.state in {Standing.UNKNOWN, Standing.APPROVED}:
            return await self.make(refund)
        made = await self._find(refund)
        if made is None:
            raise NeedsHuman(f"The provider does not know refund {refund.id} any more, which it had taken on.")
        return await self._made(refund, made)

    async def stop(self, refund: Refund) -> bool:
        """Never make it under this reference. Returns False when the provider has it, and it did not fail."""
        if await self._journal.stop(self._intent(refund)) is None:
            return True
        made = await self._find(refund)
        return made is None or made.state is RefundState.FAILED

    async def close(self, refund: Refund, *, by_hand: bool) -> Stand:
        """What was stopped is over: paid back by hand, or given up. Natural: closed stays closed."""
        stand = Stand(Standing.FAILED, "Given up: the money stays with us")
        changes = {"failure": refund.failure or "given_up"}
        if by_hand:
            stand, changes = Stand(Standing.SETTLED, "Paid back by hand"), {}
        out_of = (Standing.FAILED, *OPEN)
        await self._refunds.move(refund, stand.state, out_of=out_of, over=True, provider_refund_id=None, **changes)
        return await self._tell(refund, f"refund_closed:{refund.id}{nth(refund)}", "refund_closed", stand)

    async def returned(self, refund: Refund) -> Made | None:
        """What the provider has of a settled refund, when it failed there after all; None when it did not."""
        if refund.state != Standing.SETTLED or refund.provider_refund_id is None:
            return None
        made = await self._find(refund)
        return made if made and made.state is RefundState.FAILED else None

    async def take_back(self, refund: Refund, made: Made, instance: int) -> None:
        """It has failed, by our books and in the timeline; the refund is this instance's from now on. Natural."""
        failure = made.failure or "failed"
        await self._refunds.came_back(refund, failure, instance)
        stand = Stand(Standing.FAILED, came_back_for(failure))
        await self._tell(refund, f"refund_came_back:{made.id}", "refund_came_back", stand)

    async def _find(self, refund: Refund) -> Made | None:
        return await self._payments.find_refund(refund.charge_id, _reference(refund))

    async def _made(self, refund: Refund, made: Made) -> Stand:
        """What the provider has counts."""
        if made.state is RefundState.FAILED:
            return await self._failed(refund, made.failure or "failed")
        state = STANDS[made.state]
        await self._refunds.move(
            refund,
            state,
            out_of=(Standing.FAILED, *OPEN),
            over=state == Standing.SETTLED,
            provider_refund_id=made.id,
            failure=None,
        )
        if state == Standing.SENT:
            return Stand(state, ON_ITS_WAY)
        settled = Stand(state, "The customer has the money back")
        return await self._tell(refund, f"refund_settled:{refund.id}{nth(refund)}", "refund_settled", settled)

    async def _failed(self, refund: Refund, failure: str) -> Stand:
        await self._refunds.move(refund, Standing.FAILED, out_of=OPEN, failure=failure)
        key = f"refund_failed:{refund.id}:{refund.attempt}:{failure}"
        stand = Stand(Standing.FAILED, f"The provider did not pay it back: {words(failure)}")
        return await self._tell(refund, key, "refund_failed", stand)

    async def _tell(self, refund: Refund, key: str, kind: str, stand: Stand) -> Stand:
        await self._cases.write(stands(refund, key, kind, stand.words))
        return stand

    def _intent(self, refund: Refund) -> Intent[Made]:
        amount, reference = Money(refund.amount_minor, refund.currency), _reference(refund)

        async def call() -> Made:
            try:
                return await self._payments.refund(refund.charge_id, reference, amount, refund.reason)
            except RefundRefusedError as error:
                raise RefusedError(str(error)) from error

        return Intent(
            key=f"refund:{refund.id}" + nth(refund),
            kind="refund",
            case_id=refund.case_id,
            request={"charge_id": refund.charge_id, "amount": amount.minor, "currency": amount.currency},
            result_type=Made,
            call=call,
            find=lambda asked: self._payments.find_refund(asked["charge_id"], reference),
            entry=lambda made: _sent(refund, made, amount),
        )


def _sent(refund: Refund, made: Made, amount: Money) -> Entry:
    sentence = f"Refund sent to the payment provider: {describe(amount)} as {made.id}"
    facts = {
        "refund_id": refund.id,
        "provider_refund_id": made.id,
        "amount": amount.minor,
        "currency": amount.currency,
        "standing": ON_ITS_WAY,
    }
    return Entry(refund.case_id, f"refund_sent:{_reference(refund)}", "refund_sent", sentence, facts)


def _reference(refund: Refund) -> str:
    return f"orderops-{refund.id}" + nth(refund)
