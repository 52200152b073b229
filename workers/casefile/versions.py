"""Versions of processes and forms as they were deployed, and which one a case or a task goes by."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.models import Task
from workers.casefile.record_models import Definition, Instance

LISTED = 50
"""Versions that are listed; the newest."""


async def versions(session: AsyncSession, process: str) -> Sequence[Any]:
    """Number and time of each version, the newest first."""
    found = (
        select(Definition.version, Definition.deployed_at)
        .where(Definition.kind == "process", Definition.id == process)
        .order_by(Definition.version.desc())
        .limit(LISTED)
    )
    return (await session.execute(found)).all()


async def version_of(session: AsyncSession, instance: int | None) -> int | None:
    """The version of its process that an instance goes by; None when the engine has not told."""
    of_instance = select(Definition.version).join(Instance, Instance.definition_key == Definition.key)
    return await session.scalar(of_instance.where(Instance.key == instance))


async def form_of(session: AsyncSession, task: int) -> str | None:
    """The form of a task in the version it was made with, as JSON; None for a task without one."""
    of_task = select(Definition.resource).join(Task, Task.form_key == Definition.key)
    return await session.scalar(of_task.where(Task.key == task))


async def diagram_of(session: AsyncSession, process: str, version: int) -> str | None:
    """The diagram of a version."""
    named = Definition.kind == "process", Definition.id == process, Definition.version == version
    return await session.scalar(select(Definition.resource).where(*named).limit(1))
