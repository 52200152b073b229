"""Who approved a refund, by the engine's own records, and which of their answers count.

Whoever can reach the engine can complete any task and change any variable. So nothing is taken from variables:
what the policy said, who completed which task, and with which answers, is what the engine recorded.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.completions import completions
from workers.casefile.db import Database
from workers.casefile.people_models import User
from workers.casefile.record_models import Instance, Record
from workers.casefile.refund_models import Refund
from workers.ports.currencies import as_written, describe
from workers.ports.values import Money

TASK, POLICY = "Task_ApproveRefund", "Task_DecideApproval"
"""Elements of bpmn/refund.bpmn."""
ROLES = {"support": frozenset({"agent", "lead"}), "lead": frozenset({"lead"})}
"""By the group that the policy names: who may approve."""
SECOND = frozenset({"finance"})
"""Who may approve besides, when somebody else has before."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the table refund_policy said, and what it was asked about."""

    approvals: int
    group: str
    amount: Any
    reason: Any
    together: Any
    """The amount with earlier ones that nobody approved. None where a table of before did not ask for it, or was
    not told: then the strictest answer counts."""

    def fits(self, refund: Refund, unasked_before: int) -> bool:
        """Whether it was asked about this refund, and told no less of earlier ones than there is."""
        enough = self.together is None or self.together >= refund.requested_minor + unasked_before
        return bool(self.amount == refund.requested_minor and self.reason == refund.reason and enough)


@dataclass(frozen=True, slots=True)
class Answer:
    """How somebody completed a task."""

    task_key: int
    person: str | None
    decision: str | None
    amount: str | None
    """As they wrote it, when they changed it."""
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer with what it comes to: the amount that is approved, or why it does not count."""

    answer: Answer
    amount: int | None
    void: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all answers come to together."""

    answers: tuple[Judged, ...]
    amount: int
    needed: int

    @property
    def given(self) -> tuple[Judged, ...]:
        """Approvals that count."""
        return tuple(each for each in self.answers if each.void is None and each.answer.decision != "reject")

    @property
    def rejected(self) -> bool:
        """Somebody who may said no."""
        return any(each.void is None and each.answer.decision == "reject" for each in self.answers)

    @property
    def complete(self) -> bool:
        """As many people approved this amount as the policy wants."""
        return not self.rejected and len(self.given) >= self.needed


def judge(
    refund: Refund,
    policy: Policy,
    answers: Sequence[Answer],
    roles: Mapping[str, Collection[str]],
    askers: Collection[str],
) -> Verdict:
    """Each answer in its turn. An approval is for one amount: who lowers it makes those before void."""
    amount, judged = refund.requested_minor, list[Judged]()
    for answer in answers:
        so_far = Verdict(tuple(judged), amount, policy.approvals)
        one = complaint(refund, policy, so_far, answer, roles, askers)
        if one is None and answer.decision != "reject":
            approved = amount_of(refund, amount, answer)
            if approved < amount:
                lowered = f"{answer.person} lowered the amount afterwards"
                judged = [each if each.void else replace(each, void=lowered) for each in judged]
            amount = approved
        judged.append(Judged(answer, None if one else amount, one))
    return Verdict(tuple(judged), amount, policy.approvals)


def complaint(  # noqa: PLR0911  # one for each way of not counting
    refund: Refund,
    policy: Policy,
    so_far: Verdict,
    answer: Answer,
    roles: Mapping[str, Collection[str]],
    askers: Collection[str],
) -> str | None:
    """Why an answer does not count, or None."""
    if not answer.person:
        return "nobody is named who gave it"
    if answer.person in askers:
        return "whoever asks for a refund does not decide on it"
    if answer.person in {each.answer.person for each in so_far.given}:
        return "the second approval has to be another person's"
    may = ROLES.get(policy.group, frozenset()) | (SECOND if so_far.given else frozenset())
    if may.isdisjoint(roles.get(answer.person, ())):
        return "they may not approve this amount"
    if answer.decision not in {"approve", "change", "reject"}:
        return "it says neither yes nor no"
    if answer.decision == "reject":
        return None
    try:
        approved = amount_of(refund, so_far.amount, answer)
    except ValueError:
        return "it names no amount of this currency"
    if not 0 < approved <= so_far.amount:
        return f"the amount can only be lowered, from {describe(Money(so_far.amount, refund.currency))}"
    return None


def amount_of(refund: Refund, amount: int, answer: Answer) -> int:
    """What is approved; ValueError when it cannot be read."""
    if answer.decision != "change":
        return amount
    return as_written(answer.amount or "", refund.currency).minor


class Approvals:
    """Reads the records of a process instance. What has not arrived yet is None."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def policy(self, instance: int, which: int) -> Policy | None:
        """What the policy said the `which`-th time it was asked."""
        async with self._database.sessions() as session:
            return await policy_of(session, instance, which)

    async def verdict(
        self, refund: Refund, policy: Policy, instance: int, asker: int | None = None
    ) -> Verdict | None:
        """What the answers come to: those before the element instance `asker`, once they are told, or all."""
        async with self._database.sessions() as session:
            return await verdict_of(session, refund, policy, instance, asker)


async def policy_of(session: AsyncSession, instance: int, which: int = 0) -> Policy | None:
    """What the policy said the `which`-th time it was asked, or the last time it is known to have been."""
    wanted = select(Record).where(
        Record.process_instance_key == instance,
        Record.value_type == "DECISION_EVALUATION",
        Record.intent == "EVALUATED",
        Record.element_id == POLICY,
    )
    found = (await session.scalars(wanted.order_by(Record.position))).all()
    if not found or len(found) < which:
        return None
    facts = (found[which - 1] if which else found[-1]).facts or {}
    asked, said = facts.get("inputs", {}), facts.get("output") or {}
    return Policy(
        said.get("approvals", 2),
        said.get("group", "lead"),
        asked.get("Input_Amount"),
        asked.get("Input_Reason"),
        asked.get("Input_Together"),
    )


async def verdict_of(
    session: AsyncSession, refund: Refund, policy: Policy, instance: int, asker: int | None = None
) -> Verdict | None:
    """What the answers before the element instance `asker` come to, or all; None while the records lag."""
    found = await completions(session, instance, TASK, asker)
    if found is None:
        return None
    answers = [_answer(each) for each in found]
    roles = await roles_of(session, (each.person for each in answers))
    return judge(refund, policy, answers, roles, await askers_of(session, refund))


async def askers_of(session: AsyncSession, refund: Refund) -> frozenset[str]:
    """Who asked for it: a person, or whoever completed a task of the process that asked, for the same order."""
    kind, _, name = refund.requested_by.partition(":")
    if kind == "person":
        return frozenset({name})
    decided = (
        select(Record.facts["assignee"].astext)
        .join(Instance, Instance.key == Record.process_instance_key)
        .where(
            Instance.case_id == refund.case_id,
            Instance.process == (name if kind == "process" else None),
            Record.value_type == "USER_TASK",
            Record.intent == "COMPLETED",
        )
    )
    return frozenset(filter(None, await session.scalars(decided)))


async def roles_of(session: AsyncSession, names: Iterable[str | None]) -> dict[str, frozenset[str]]:
    """What these people are; nothing for who is unknown or disabled."""
    known = select(User.name, User.roles).where(User.name.in_(set(names)), User.disabled_at.is_(None))
    return {row.name: frozenset(row.roles) for row in await session.execute(known)}


def _answer(record: Record) -> Answer:
    facts = record.facts or {}
    said = facts.get("variables", {})
    texts = {
        name: value if isinstance(value := said.get(name), str) else None
        for name in ("decision", "new_amount", "why")
    }
    person = facts.get("assignee") or None
    key = facts.get("userTaskKey", record.key)
    return Answer(key, person, texts["decision"], texts["new_amount"], texts["why"], record.happened_at)
