"""Making a refund at the payment provider: through the journal, under a reference that the provider keeps."""

from workers.casefile.cases import Entry
from workers.casefile.journal import Intent, Journal
from workers.casefile.refund_models import Refund
from workers.ports.currencies import describe
from workers.ports.payments import Payments, RefundRefusedError, RefundState
from workers.ports.payments import Refund as Made
from workers.ports.values import Money
from workers.runtime.errors import NeedsHuman


class RefusedError(NeedsHuman):
    """The provider will not make this refund, and did nothing; its text is the provider's word for why."""


class Maker:
    """Makes the one refund under an id and attempt, finds it, or sees to it that it is never made."""

    def __init__(self, payments: Payments, journal: Journal) -> None:
        self._payments = payments
        self._journal = journal

    async def make(self, refund: Refund) -> Made:
        """Once per refund and attempt: by the journal, and by our reference in the provider's own books.

        Raises RefusedError, OutcomeUnknown when it may have been made, Unavailable when it surely was not.
        """
        return await self._journal.once(self._intent(refund))

    async def find(self, refund: Refund) -> Made | None:
        """What the provider has of it by now, or None."""
        return await self._payments.find_refund(refund.charge_id, _reference(refund))

    async def stop(self, refund: Refund) -> bool:
        """Never make it under this reference. Returns False when the provider has it, and it did not fail."""
        if await self._journal.stop(self._intent(refund)) is None:
            return True
        made = await self.find(refund)
        return made is None or made.state is RefundState.FAILED

    def _intent(self, refund: Refund) -> Intent[Made]:
        amount, reference = Money(refund.amount_minor, refund.currency), _reference(refund)

        async def call() -> Made:
            try:
                return await self._payments.refund(refund.charge_id, reference, amount, refund.reason)
            except RefundRefusedError as error:
                raise RefusedError(str(error)) from error

        return Intent(
            key=f"refund:{refund.id}" + _nth(refund),
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
        "standing": "The provider has it; the money is on its way",
    }
    return Entry(refund.case_id, f"refund_sent:{_reference(refund)}", "refund_sent", sentence, facts)


def _reference(refund: Refund) -> str:
    return f"orderops-{refund.id}" + _nth(refund)


def _nth(refund: Refund) -> str:
    """A refund that failed at the provider keeps its reference for ever: another attempt needs another one."""
    return f":{refund.attempt}" if refund.attempt > 1 else ""
