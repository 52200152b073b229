"""Answering a dispute at the payment provider: through the journal, once and for good.

What was shown stays out of the journal: it is about a customer.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, Literal

from workers.casefile.dispute_entries import answered
from workers.casefile.journal import Intent, Journal
from workers.ports.payments import Dispute, DisputeState, EvidenceRefusedError, Payments
from workers.runtime.errors import BusinessOutcome

HAVE_IT = {
    "submit": frozenset({DisputeState.UNDER_REVIEW, DisputeState.WON}),
    "accept": frozenset({DisputeState.ACCEPTED}),
}
"""States in which a dispute surely has this answer of ours."""


class Answers:
    """Gives the one answer to a dispute: evidence, or that the customer may have the money.

    Once per dispute, by the journal and by the provider's own state. Raises BusinessOutcome `refused` when it is
    too late, or the dispute is closed.
    """

    def __init__(self, payments: Payments, journal: Journal, refused: StrEnum) -> None:
        self._payments = payments
        self._journal = journal
        self._refused = refused

    async def submit(self, case_id: str, dispute_id: str, evidence: Mapping[str, str]) -> None:
        """Send the provider what can be shown."""
        await self._answer(
            case_id, dispute_id, "submit", lambda: self._payments.submit_evidence(dispute_id, evidence)
        )

    async def accept(self, case_id: str, dispute_id: str) -> None:
        """Let the customer have the money."""
        await self._answer(case_id, dispute_id, "accept", lambda: self._payments.accept_dispute(dispute_id))

    async def _answer(
        self,
        case_id: str,
        dispute_id: str,
        answer: Literal["submit", "accept"],
        give: Callable[[], Awaitable[Dispute]],
    ) -> None:
        async def call() -> Dispute:
            try:
                return await give()
            except EvidenceRefusedError as error:
                raise BusinessOutcome(self._refused, "the provider takes no answer any more") from error

        async def find(asked: Mapping[str, Any]) -> Dispute | None:
            dispute = await self._payments.get_dispute(dispute_id)
            return dispute if dispute.state in HAVE_IT[asked["answer"]] else None

        await self._journal.once(
            Intent(
                key=f"dispute_answer:{dispute_id}",
                kind="dispute_answer",
                case_id=case_id,
                request={"answer": answer},
                result_type=Dispute,
                call=call,
                find=find,
                entry=lambda _dispute: answered(case_id, dispute_id, answer),
            )
        )
