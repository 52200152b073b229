"""Working on tasks, whoever does it: claiming, putting back, completing. The engine decides, our tables show."""

from collections.abc import Mapping
from typing import Annotated, Any

import structlog
from fastapi import Depends
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from api import approvals, forms
from api.deps import Acting, EngineOf, StoreOf, engine_in_time
from api.errors import Problem
from api.people import Actor, Role
from api.schemas.tasks import TaskInfo, task_info
from api.store import Store
from workers.casefile import acts
from workers.casefile.acts import Act
from workers.casefile.models import Task
from workers.casefile.record_models import Instance
from workers.runtime.apiclient import title
from workers.runtime.engine import Engine
from workers.runtime.errors import EngineConflict, EngineNotFound

log = structlog.get_logger(__name__)


class Desk:
    """What one actor does with tasks. People do those of their groups, and act for themselves; a program acts for
    whom it names, and what it completes need not be claimed."""

    def __init__(self, actor: Actor, store: Store, engine: Engine) -> None:
        self._actor, self._store, self._engine = actor, store, engine

    async def claim(self, key: int, assignee: str) -> None:
        """409 when somebody else has it. Claiming again what one has is fine."""
        task = await self._of_ours(key)
        whom = "" if assignee == self._actor.name else f" for {assignee}"
        await self._note(task, "task_claim", f"takes {_named(task)}{whom}")
        await self._assign(key, assignee)

    async def unclaim(self, key: int) -> None:
        """Putting back what nobody has is fine. A lead puts back what others have, too."""
        task = await self._of_ours(key)
        if self._actor.kind == "person":
            if task.assignee is None:
                return
            if Role.LEAD not in self._actor.roles:
                if task.assignee != self._actor.name:
                    raise _somebody_elses()
                await self._assign(key, self._actor.name)
        await self._note(task, "task_unclaim", f"puts {_named(task)} back")
        try:
            await engine_in_time(self._engine.unassign_user_task(key))
        except EngineNotFound:
            raise _finished() from None

    async def complete(self, key: int, variables: Mapping[str, Any]) -> None:
        """The answers are held against the form; 409 when it is finished, or somebody else's. It becomes theirs
        first, unless it is, so that it is known who did it."""
        task = await self._of_ours(key)
        if self._actor.kind == "person" and task.assignee not in {None, self._actor.name}:
            raise _somebody_elses()
        form = await self._store.run(lambda session: forms.form_of(session, key))
        answers = forms.check(form, variables)
        await self._refuse_what_would_not_count(task, key, answers)
        if self._actor.kind == "person":
            await (self.claim if task.assignee is None else self._assign)(key, self._actor.name)
        await self._note(task, "task_completion", f"sends the answers of {_named(task)}")
        try:
            await engine_in_time(self._engine.complete_user_task(key, answers))
        except EngineNotFound:
            raise _finished() from None
        except EngineConflict:
            sentence = "This task was completed meanwhile, by this request or another one: look at the task."
            raise Problem("conflict", sentence) from None

    async def _assign(self, key: int, assignee: str) -> None:
        """Whoever else has it by now keeps it, whatever our tables show yet; assigned twice is the same."""
        try:
            await engine_in_time(self._engine.assign_user_task(key, assignee))
        except EngineNotFound:
            raise _finished() from None
        except EngineConflict:
            raise _somebody_elses() from None

    async def _of_ours(self, key: int) -> TaskInfo:
        """An open task that is for the actor; else 403, and the case's timeline has it."""
        task = await self._open(key)
        if not self._actor.may_do(task.candidate_groups):
            await self._keep_refusal(task)
            groups = " or ".join(task.candidate_groups)
            raise Problem("forbidden", f"This task is for {groups}.")
        return task

    async def _refuse_what_would_not_count(self, task: TaskInfo, key: int, answers: Mapping[str, Any]) -> None:
        """403 for an approval that would be void, and the case's timeline has it."""
        objection = await self._store.run(lambda session: approvals.objection(session, key, self._actor, answers))
        if objection is not None:
            await self._keep_refusal(task)
            raise Problem("forbidden", f"This approval would not count: {objection}.")

    async def _open(self, key: int) -> TaskInfo:
        """404 when there is none, 409 when it is finished as far as we have heard."""
        task = await self._store.run(lambda session: find_task(session, key))
        if task.state != "open":
            raise _finished()
        return task

    async def _keep_refusal(self, task: TaskInfo) -> None:
        log.warning("task.refused", who=self._actor.id, task_key=task.key)
        await self._note(
            task, "task_refused", f"may not do {_named(task)}", f"task-{task.key}-refused-{self._actor.id}"
        )

    async def _note(self, task: TaskInfo, kind: str, does: str, key: str | None = None) -> None:
        """Keep who asked for what in the case's timeline, before the engine hears of it."""
        if task.case_id is None:
            return
        act = Act(
            case_id=task.case_id,
            kind=kind,
            sentence=f"{self._actor.display_name} {does}",
            actor=self._actor.signature,
            key=key,
            element_id=task.element_id,
            facts={"task": str(task.key), "groups": task.candidate_groups},
        )
        await self._store.run(lambda session: acts.note(session, act))


async def _desk(actor: Acting, store: StoreOf, engine: EngineOf) -> Desk:
    return Desk(actor, store, engine)


DeskOf = Annotated[Desk, Depends(_desk)]


def tasks_with_cases() -> Select[Task, str]:
    """Tasks, and the case that each is part of."""
    return select(Task, Instance.case_id).outerjoin(Instance, Instance.key == Task.process_instance_key)


async def find_task(session: AsyncSession, key: int) -> TaskInfo:
    """The task as it is shown; 404 when there is none."""
    row = (await session.execute(tasks_with_cases().where(Task.key == key))).one_or_none()
    if row is None:
        raise Problem("not-found", "There is no task of this key.")
    return task_info(*row)


def _named(task: TaskInfo) -> str:
    return f"“{title(task.element_id)}”"


def _finished() -> Problem:
    return Problem("conflict", "This task is finished.")


def _somebody_elses() -> Problem:
    return Problem("conflict", "Somebody else has this task.")
