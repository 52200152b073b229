"""How people completed the tasks of an instance, by the engine's records.

The engine tells the records of an instance in their order. Once it has told that the instance entered an element,
all that the instance did before is here as well. So who asks names the element instance that it is. No count of
answers is needed: whoever completes a task at the engine itself could change a count, as any variable.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from workers.casefile.record_models import Record


async def completions(
    session: AsyncSession, instance: int, element: str, asker: int | None = None
) -> Sequence[Record] | None:
    """Completions of a user task, the first one first: before the element instance `asker` was entered, or all.

    None while the records have not come as far as `asker`.
    """
    wanted = select(Record).where(
        Record.process_instance_key == instance,
        Record.value_type == "USER_TASK",
        Record.intent == "COMPLETED",
        Record.element_id == element,
    )
    if asker is not None:
        entered = await entered_at(session, instance, asker)
        if entered is None:
            return None
        wanted = wanted.where(Record.position < entered)
    return (await session.scalars(wanted.order_by(Record.position))).all()


async def entered_at(session: AsyncSession, instance: int, element_instance: int) -> int | None:
    """Position of the record by which an instance entered an element; None before it is here."""
    first = select(func.min(Record.position)).where(
        Record.process_instance_key == instance,
        Record.value_type == "PROCESS_INSTANCE",
        Record.key == element_instance,
    )
    return await session.scalar(first)
