"""Running instances move to another version of their process."""

import asyncio
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress

from workers.casefile.deployments import Deployments, Running
from workers.runtime.engine import Engine
from workers.runtime.errors import EngineError, UserError
from workers.runtime.steps import FLOW, Step, Steps

AT_ONCE = 8
"""Instances that are migrated side by side."""
PATIENCE_SECONDS, ASK_SECONDS = 10.0, 0.1
"""How long the records may take to tell of a move, and how often they are asked."""


def mapping(old: Steps, new: Steps, renamed: Mapping[str, str]) -> dict[str, str]:
    """Element of the old version → element of the new one: of the same id and kind, or as `renamed` says.

    UserError when `renamed` names what is not there, or elements of different kinds.
    """
    for source, target in renamed.items():
        if source not in old.by_id or target not in new.by_id:
            missing, which = (source, "old") if source not in old.by_id else (target, "new")
            raise UserError(f"The {which} version has no element {missing}.", hint="Correct --map.")
        if not _alike(old.by_id[source], new.by_id[target]):
            raise UserError(f"{source} and {target} are of different kinds.", hint="Correct --map.")
    same = {name: name for name, step in old.by_id.items() if name in new.by_id and _alike(step, new.by_id[name])}
    taken = set(renamed.values())
    return {source: target for source, target in same.items() if target not in taken} | dict(renamed)


def _alike(old: Step, new: Step) -> bool:
    return old.kind == new.kind != FLOW and old.trigger == new.trigger


async def migrate(
    engine: Engine, instances: Sequence[Running], target: int, elements: Mapping[str, str]
) -> dict[int, str]:
    """Move the instances; returns the key of each that stays as it is, with the engine's reason.

    An instance that is there already is refused too, so a second run finds none or says so.
    """
    gate = asyncio.Semaphore(AT_ONCE)
    refused: dict[int, str] = {}

    async def move(instance: Running) -> None:
        async with gate:
            try:
                await engine.migrate_instance(instance.key, target, elements)
            except EngineError as error:
                refused[instance.key] = str(error)

    async with asyncio.TaskGroup() as group:
        for instance in instances:
            group.create_task(move(instance))
    return refused


async def told(
    deployments: Deployments, definition_key: int, moved: Set[int], patience: float = PATIENCE_SECONDS
) -> bool:
    """Whether the records say that what moved is gone from its version, or do so before `patience` ends (seconds).

    Until then a next move from that version would try the same instances again.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while any(each.key in moved for each in await deployments.running(definition_key)):  # noqa: ASYNC110
                await asyncio.sleep(ASK_SECONDS)
            return True
    return False
