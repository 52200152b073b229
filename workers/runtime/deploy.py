"""Deployment: every model and form in one call, so that what belongs together is bound together."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import timedelta

from workers.runtime.difference import Key, Resource
from workers.runtime.engine import Deployed, Engine
from workers.runtime.errors import EngineError, EngineRefused, EngineUnavailable, UserError
from workers.runtime.files import read
from workers.runtime.jobs import Process
from workers.runtime.model import UnreadableModelError, start_messages
from workers.runtime.resources import forms_dir, models_dir
from workers.runtime.wiring import require_agreement

PATIENCE = 120.0
"""Seconds a broker may take from its start until every partition is led."""


def resources() -> dict[str, bytes]:
    """File name → content of everything that is deployed."""
    paths = [*models_dir().glob("*.bpmn"), *models_dir().glob("*.dmn"), *forms_dir().glob("*.form")]
    return {path.name: path.read_bytes() for path in sorted(paths, key=lambda path: path.name)}


def lost_starts(deployed: Mapping[Key, Resource], dropped: Collection[str] = ()) -> Iterator[str]:
    """Messages that start a process as deployed, and would start nothing any more; but not those `dropped`."""
    try:
        diagrams = read(models_dir(), forms_dir()).diagrams
    except UnreadableModelError:
        return  # the check of the files says so
    for diagram in diagrams:
        if (process := deployed.get(("process", diagram.process_id))) is None:
            continue
        drawn = {catch.message for catch in diagram.catches if catch.starts}
        for message in sorted(start_messages(process.text.encode()) - drawn - set(dropped)):
            yield (
                f"{diagram.path.name}: version {process.version}, which is deployed, starts by message {message},"
                " and no start event has it any more; give one this message again, or deploy with"
                f" --drop-start {message} if nobody sends it."
            )


async def deploy(engine: Engine, processes: Iterable[Process]) -> list[Deployed]:
    """Check the wiring, then deploy all or nothing. The same files again change nothing.

    Raises UserError, before anything is sent, when diagrams and code disagree, and with the engine's own words
    when it refuses a file.
    """
    require_agreement(processes)
    try:
        return await engine.deploy(resources())
    except EngineRefused as error:
        raise UserError(str(error), hint="Nothing was deployed. Mend the named file and deploy again.") from None
    except EngineError as error:
        raise UserError(str(error), hint="`orderops status` says what is running.") from None


async def wait_until_ready(engine: Engine, on_wait: Callable[[str], None], patience: float = PATIENCE) -> None:
    """Wait until every partition has a leader, saying what is missing; UserError when it takes too long."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + patience
    while missing := await _missing(engine):
        if loop.time() > ends:
            raise UserError(
                f"The engine was not ready within {patience:.0f} s: {missing}.",
                hint="`orderops status` says what is running, `orderops logs` why not.",
            )
        on_wait(missing)
        await asyncio.sleep(0.5)


async def _missing(engine: Engine) -> str | None:
    try:
        topology = await engine.topology(within=timedelta(seconds=2))
    except EngineUnavailable:
        return "it does not answer"
    if not topology.ready:
        return f"{topology.partitions_led} of {topology.partitions} partitions have a leader"
    return None
