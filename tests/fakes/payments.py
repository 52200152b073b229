from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.fakes.faults import Faults
from workers.ports.payments import (
    Charge,
    Dispute,
    DisputeState,
    EvidenceRefusedError,
    Refund,
    RefundRefusedError,
    RefundState,
)
from workers.ports.values import Money
from workers.runtime.errors import EffectConflict, NeedsHuman


class FakePayments(Faults):
    """Implements ports.payments.Payments. Put charges into `charges`, or pay with `pay`.

    open_dispute, close_dispute, settle_refund and fail_refund are what banks do.
    """

    def __init__(self, *charges: Charge) -> None:
        super().__init__()
        self.charges = {charge.id: charge for charge in charges}
        self.refunds: dict[str, Refund] = {}
        """By their id, in the order they were made."""
        self.keys: dict[tuple[str, str], str] = {}
        """Refund ids by charge and reference; clear it to let the provider forget."""
        self.disputes: dict[str, Dispute] = {}
        self.evidence: dict[str, dict[str, str]] = {}
        """What was answered to a dispute."""
        self.next_state = RefundState.SUCCEEDED
        """Of the refunds from now on."""
        self.now: datetime | None = None
        """None: the machine's clock."""

    def pay(self, order_id: str, amount: Money, provider: str = "stripe") -> Charge:
        """A customer pays for an order."""
        nothing = Money(0, amount.currency)
        charge = Charge(f"ch_{order_id}", provider, order_id, captured=amount, refunded=nothing, withheld=False)
        self.charges[charge.id] = charge
        return charge

    async def charge_of(self, order_id: str) -> Charge:
        self._begin("charge_of")
        found = [charge for charge in self.charges.values() if charge.order_id == order_id]
        return found[0] if found else self._charge(order_id)

    async def get_charge(self, charge_id: str) -> Charge:
        self._begin("get_charge")
        return self._charge(charge_id)

    async def refund(self, charge_id: str, reference: str, amount: Money, reason: str) -> Refund:
        self._begin("refund")
        charge = self._charge(charge_id)
        if amount.currency != charge.captured.currency or amount.minor < 1:
            raise RefundRefusedError("amount_invalid")
        if (charge_id, reference) not in self.keys:
            self._take(charge, reference, amount)
        self._end("refund")
        refund = self.refunds[self.keys[charge_id, reference]]
        if refund.amount != amount:
            raise EffectConflict(f"The payment provider knows {reference} as the refund of another amount.")
        return refund

    async def find_refund(self, charge_id: str, reference: str) -> Refund | None:
        self._begin("find_refund")
        mine = (charge_id, reference)
        return next((made for made in self.refunds.values() if (made.charge_id, made.reference) == mine), None)

    async def get_dispute(self, dispute_id: str) -> Dispute:
        self._begin("get_dispute")
        return self._dispute(dispute_id)

    async def submit_evidence(self, dispute_id: str, evidence: Mapping[str, str]) -> Dispute:
        self._begin("submit_evidence")
        self._answer(dispute_id, DisputeState.UNDER_REVIEW)
        self.evidence.setdefault(dispute_id, dict(evidence))
        self._end("submit_evidence")
        return self.disputes[dispute_id]

    async def accept_dispute(self, dispute_id: str) -> Dispute:
        self._begin("accept_dispute")
        self._answer(dispute_id, DisputeState.ACCEPTED)
        self._end("accept_dispute")
        return self.disputes[dispute_id]

    async def open_dispute(
        self, charge_id: str, reason: str, amount: Money | None = None, due_by: datetime | None = None
    ) -> Dispute:
        """A customer's bank claims a payment back: all that was not refunded, unless told otherwise."""
        charge = self._charge(charge_id)
        claimed = amount or Money(charge.captured.minor - charge.refunded.minor, charge.captured.currency)
        number = f"{'PP-D-' if charge.provider == 'paypal' else 'dp_'}{charge.order_id}-{len(self.disputes) + 1}"
        due = due_by or self._now() + timedelta(days=7)
        dispute = Dispute(
            number, charge.provider, charge_id, charge.order_id, claimed, reason, DisputeState.NEEDS_RESPONSE, due
        )
        self.disputes[number] = dispute
        self.charges[charge_id] = replace(charge, withheld=True)
        return dispute

    async def close_dispute(self, dispute_id: str, *, won: bool) -> Dispute:
        """The bank decides; a closed dispute stays as it is."""
        dispute = self._dispute(dispute_id)
        if dispute.state in {DisputeState.NEEDS_RESPONSE, DisputeState.UNDER_REVIEW}:
            self.disputes[dispute_id] = replace(dispute, state=DisputeState.WON if won else DisputeState.LOST)
            charge = self.charges[dispute.charge_id]
            self.charges[charge.id] = replace(charge, withheld=self._withheld(charge.id))
        return self.disputes[dispute_id]

    async def settle_refund(self, refund_id: str) -> Refund:
        """A pending refund reaches the customer; any other stays as it is."""
        refund = self._refund(refund_id)
        if refund.state is RefundState.PENDING:
            self.refunds[refund_id] = replace(refund, state=RefundState.SUCCEEDED)
        return self.refunds[refund_id]

    async def fail_refund(self, refund_id: str, failure: str) -> Refund:
        """A refund comes back, also one that had succeeded: the money can be refunded again."""
        refund = self._refund(refund_id)
        if refund.state is not RefundState.FAILED:
            self.refunds[refund_id] = replace(refund, state=RefundState.FAILED, failure=failure)
            self._add_refunded(refund.charge_id, -refund.amount.minor)
        return self.refunds[refund_id]

    def _take(self, charge: Charge, reference: str, amount: Money) -> None:
        if self._withheld(charge.id):
            raise RefundRefusedError("charge_disputed")
        if charge.refunded.minor + amount.minor > charge.captured.minor:
            raise RefundRefusedError("amount_too_large")
        failure = "declined" if self.next_state is RefundState.FAILED else None
        number = f"re_{len(self.refunds) + 1}"
        self.refunds[number] = Refund(number, charge.id, reference, amount, self.next_state, failure)
        self.keys[charge.id, reference] = number
        self._add_refunded(charge.id, 0 if failure else amount.minor)

    def _add_refunded(self, charge_id: str, minor: int) -> None:
        charge = self.charges[charge_id]
        refunded = Money(charge.refunded.minor + minor, charge.refunded.currency)
        self.charges[charge_id] = replace(charge, refunded=refunded)

    def _withheld(self, charge_id: str) -> bool:
        mine = [dispute for dispute in self.disputes.values() if dispute.charge_id == charge_id]
        return any(dispute.state is not DisputeState.WON for dispute in mine)

    def _answer(self, dispute_id: str, after: DisputeState) -> None:
        dispute = self._dispute(dispute_id)
        in_time = dispute.state is DisputeState.NEEDS_RESPONSE and self._now() < dispute.evidence_due_by
        if not in_time and dispute.state is not after:
            raise EvidenceRefusedError(f"It is too late to answer dispute {dispute_id}, or it is closed.")
        self.disputes[dispute_id] = replace(dispute, state=after, answered=True)

    def _now(self) -> datetime:
        return self.now or datetime.now(UTC)

    def _charge(self, charge_id: str) -> Charge:
        if charge_id not in self.charges:
            raise NeedsHuman(f"The payment provider has no charge {charge_id}.")
        return self.charges[charge_id]

    def _refund(self, refund_id: str) -> Refund:
        if refund_id not in self.refunds:
            raise NeedsHuman(f"The payment provider has no refund {refund_id}.")
        return self.refunds[refund_id]

    def _dispute(self, dispute_id: str) -> Dispute:
        if dispute_id not in self.disputes:
            raise NeedsHuman(f"The payment provider has no dispute {dispute_id}.")
        return self.disputes[dispute_id]
