"""Approvals that would not count anyway are refused at our own desk. What counts is decided in the process."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.people import Actor
from workers.casefile.approvals import TASK, Answer, askers_of, complaint, policy_of, roles_of, verdict_of
from workers.casefile.models import Task
from workers.casefile.refund_models import Refund


async def objection(session: AsyncSession, key: int, actor: Actor, answers: Mapping[str, Any]) -> str | None:
    """Why these answers to a task would not count as an approval; None when they would, or it is another task.

    No program approves: it could name whomever it wants as the one who did.
    """
    task = await session.get(Task, key)
    if task is None or task.element_id != TASK:
        return None
    if actor.kind != "person":
        return "a person gives it, logged in as themselves"
    of_instance = select(Refund).where(Refund.process_instance_key == task.process_instance_key)
    refund = (await session.scalars(of_instance)).first()
    policy = await policy_of(session, task.process_instance_key)
    if refund is None or policy is None:
        return None
    so_far = await verdict_of(session, refund, policy, task.process_instance_key)
    assert so_far is not None  # noqa: S101  # no answer at all is a verdict, too
    answer = Answer(
        key,
        actor.name,
        answers.get("decision"),
        answers.get("new_amount"),
        answers.get("why"),
        datetime.now(UTC),
    )
    roles, askers = await roles_of(session, [actor.name]), await askers_of(session, refund)
    return complaint(refund, policy, so_far, answer, roles, askers)
