"""What the timeline says of refunds."""

from dataclasses import replace

from workers.casefile.approvals import Judged, Policy, Verdict
from workers.casefile.cases import Entry
from workers.casefile.refund_models import Refund, Standing
from workers.casefile.refundable import SHARES, in_words, parts_left, tax_in
from workers.casefile.refunds import Left
from workers.ports.currencies import describe
from workers.ports.ledger import Posting
from workers.ports.shop import Order
from workers.ports.values import Money


def words(name: str) -> str:
    """A name of ours, as people write."""
    return name.replace("_", " ")


def of_what(refund: Refund) -> str:
    """The parts of the order that it gives back, in brackets; nothing when it is of the whole order."""
    given = SHARES.validate_python(refund.parts or ())
    return f" ({in_words(given)})" if given else ""


def tax_of(refund: Refund) -> str:
    """The tax in it, for the books; nothing when its parts are not known, or were not taxed."""
    tax = tax_in(SHARES.validate_python(refund.parts or ()), refund.amount_minor)
    return f", of which tax {describe(Money(tax, refund.currency))}" if tax else ""


def computed(refund: Refund, left: Left, order: Order) -> Entry:
    """What could be given back at that moment: of the whole charge, and of each part of the order."""
    given = SHARES.validate_python(refund.parts or ())
    facts = {
        "refund_id": refund.id,
        "amount": refund.amount_minor,
        "currency": refund.currency,
        "captured": left.captured,
        "refunded_before": left.refunded,
        "reserved_by_others": left.reserved,
        "parts": SHARES.dump_python(given, mode="json"),
        "left_of_parts": [
            {
                "id": each.part.id,
                "title": each.part.title,
                "paid": each.part.amount,
                "tax": each.part.tax,
                "left": each.amount,
            }
            for each in parts_left(order.parts, left.taken)
        ],
    }
    amount = describe(Money(refund.amount_minor, refund.currency))
    sentence = f"Refund of {amount}{of_what(refund)} reserved: {words(refund.reason)}"
    if refund.state == Standing.REJECTED:
        sentence = f"No refund: {words(refund.failure or refund.state)}"
    return Entry(refund.case_id, f"refund_computed:{refund.id}", "refund_computed", sentence, facts)


def approval_asked(refund: Refund, verdict: Verdict | None, question: str) -> Entry:
    """What people are asked to approve, why, and who has approved before."""
    given = verdict.given if verdict else ()
    amount = Money(verdict.amount if verdict else refund.amount_minor, refund.currency)
    facts = {
        "refund_id": refund.id,
        "asked": f"{describe(amount)} for order {refund.case_id}{of_what(refund)}",
        "because": f"{words(refund.reason)}, asked for by {refund.requested_by}",
        "earlier": "; ".join(f"{one.answer.person}: {one.answer.reason or 'approved'}" for one in given)
        or "nobody yet",
        **({"evidence": refund.evidence} if refund.evidence else {}),
    }
    sentence = f"Approval asked for: {facts['asked']} ({facts['because']})"
    return Entry(refund.case_id, f"approval_asked:{refund.id}:{question}", "approval_asked", sentence, facts)


def booking(refund: Refund) -> Posting:
    """What the ledger gets for it, once per attempt: money that came back may be paid again."""
    return Posting(
        key=f"refund_booked:{refund.id}{nth(refund)}",
        account="REFUNDS",
        amount=Money(refund.amount_minor, refund.currency),
        order_id=refund.case_id,
        memo=(refund.provider_refund_id or "paid back by hand") + tax_of(refund),
    )


def booked_back(refund: Refund) -> Posting:
    """The opposite of it."""
    there = booking(refund)
    amount = Money(-there.amount.minor, there.amount.currency)
    return replace(there, key=f"{there.key}:came_back", amount=amount, memo=f"{there.memo} came back")


def came_back_for(failure: str) -> str:
    """Where a refund stands that came back; `failure` is the provider's word for why."""
    return f"It came back after it was settled: {words(failure)}"


def nth(refund: Refund) -> str:
    """A refund that failed at the provider keeps its reference for ever: another attempt needs another one."""
    return f":{refund.attempt}" if refund.attempt > 1 else ""


def waits(refund: Refund) -> str:
    """What approvers are told elsewhere, without a word from outside."""
    amount = describe(Money(refund.amount_minor, refund.currency))
    return f"A refund of {amount} for order {refund.case_id} waits for approval."


def approval_missing(refund: Refund, policy: Policy, policy_round: int, verdict: Verdict) -> Entry:
    """Once per time that the policy was asked, and number of answers."""
    key = f"approval_missing:{refund.id}:{policy_round}:{len(verdict.answers)}"
    sentence = "The refund was not made: the engine's records do not show every approval it needs"
    facts = {"refund_id": refund.id, "needed": policy.approvals, "given": len(verdict.given)}
    return Entry(refund.case_id, key, "approval_missing", sentence, facts)


def stopped(refund: Refund, reason: str) -> Entry:
    """It never will be made."""
    sentence = f"Refund stopped before it was made: {words(reason)}"
    facts = {"refund_id": refund.id, "reason": reason}
    return Entry(refund.case_id, f"refund_stopped:{refund.id}", "refund_stopped", sentence, facts)


def stands(refund: Refund, key: str, kind: str, standing: str) -> Entry:
    """Where it stands now; `standing` is a sentence without its end."""
    amount = describe(Money(refund.amount_minor, refund.currency))
    facts = {"refund_id": refund.id, "amount": refund.amount_minor, "standing": standing}
    sentence = f"Refund of {amount}: {standing[0].lower()}{standing[1:]}"
    return Entry(refund.case_id, key, kind, sentence, facts)


def row_of(judged: Judged) -> dict[str, object]:
    """An answer as it is kept."""
    answer = judged.answer
    return {
        "task_key": answer.task_key,
        "person": answer.person,
        "decision": answer.decision,
        "amount_minor": judged.amount,
        "reason": answer.reason,
        "void": judged.void,
        "decided_at": answer.at,
    }


def judged(refund: Refund, judged: Judged) -> Entry:
    """An entry when an answer counts, and another one when it does not, or not any more."""
    answer = judged.answer
    who = answer.person or "Somebody unnamed"
    facts = {"refund_id": refund.id, "task": str(answer.task_key), "person": answer.person}
    because = f": {answer.reason}" if answer.reason else ""
    if judged.void:
        facts |= {"void": judged.void}
        sentence = f"The approval by {who} does not count: {judged.void}"
        return Entry(refund.case_id, f"approval_void:{answer.task_key}", "approval_void", sentence, facts)
    if answer.decision == "reject":
        sentence, kind = f"{who} rejected the refund{because}", "refund_rejected"
    else:
        amount = describe(Money(judged.amount or 0, refund.currency))
        sentence, kind = f"{who} approved {amount}{because}", "approval_given"
    return Entry(refund.case_id, f"{kind}:{answer.task_key}", kind, sentence, facts)
