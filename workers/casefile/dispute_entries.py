"""What the timeline says of disputes."""

from collections.abc import Sequence
from typing import Literal

from workers.casefile.cases import Entry
from workers.casefile.models import TimelineEntry
from workers.ports.currencies import describe
from workers.ports.payments import Dispute
from workers.runtime.errors import NeedsHuman


def seen(dispute: Dispute) -> Entry:
    """What the timeline says of a dispute, once per state and deadline."""
    facts = {
        "dispute_id": dispute.id,
        "charge_id": dispute.charge_id,
        "amount": dispute.amount.minor,
        "currency": dispute.amount.currency,
        "reason": dispute.reason,
        "state": dispute.state.value,
        "evidence_due_by": dispute.evidence_due_by.isoformat(),
    }
    words = dispute.reason.replace("_", " "), dispute.state.replace("_", " ")
    due = f"{dispute.evidence_due_by:%d %B %Y, %H:%M} UTC"
    sentence = f"{describe(dispute.amount)} claimed back: {words[0]} ({words[1]}, to be answered by {due})"
    key = f"dispute:{dispute.id}:{dispute.state}:{facts['evidence_due_by']}"
    return Entry(dispute.order_id, key, "dispute", sentence, facts)


def about_refund(refund_id: str, case_id: str, dispute_id: str, *, sent: bool) -> Entry:
    """What the timeline says of a refund of the same money, once per refund and whether it could be stopped."""
    sentence = f"Refund {refund_id} " + (
        "cannot be stopped: the provider has it" if sent else "is to be stopped: its payment is disputed"
    )
    kind = "refund_not_stopped" if sent else "refund_to_be_stopped"
    return Entry(
        case_id, f"{kind}:{refund_id}", kind, sentence, {"refund_id": refund_id, "dispute_id": dispute_id}
    )


def asked(case_id: str, dispute_id: str, explanation: str) -> Entry:
    """Why a person is asked, once per reason."""
    facts = {"dispute_id": dispute_id, "explanation": explanation}
    sentence = f"{explanation}: a person decides on the dispute"
    return Entry(case_id, f"dispute_asked:{dispute_id}:{explanation}", "dispute_asked", sentence, facts)


def answered(case_id: str, dispute_id: str, answer: Literal["submit", "accept"]) -> Entry:
    """How we answered it, once per dispute."""
    sentence = {"submit": "Evidence submitted", "accept": "Dispute accepted"}[answer]
    facts = {"dispute_id": dispute_id, "answer": answer}
    return Entry(case_id, f"dispute_answer:{dispute_id}", "dispute_answered", sentence, facts)


def last(timeline: Sequence[TimelineEntry], kind: str, dispute_id: str) -> TimelineEntry:
    """The latest entry of a kind about a dispute. Raises NeedsHuman when there is none."""
    found = [each for each in timeline if each.kind == kind and each.facts.get("dispute_id") == dispute_id]
    if not found:
        raise NeedsHuman(f"The case file says nothing of dispute {dispute_id} ({kind.replace('_', ' ')}).")
    return found[-1]
