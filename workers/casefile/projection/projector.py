"""All that is made of a batch of records, subject by subject."""

from collections.abc import Sequence

from workers.casefile.projection.cases import Outcomes, close_cases, move_instances, open_cases
from workers.casefile.projection.decisions import keep_decisions, keep_definitions
from workers.casefile.projection.definitions import Definitions
from workers.casefile.projection.incidents import keep_incidents
from workers.casefile.projection.jobs import keep_jobs
from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.tables import Tables
from workers.casefile.projection.tasks import keep_tasks
from workers.casefile.projection.timeline import write_timeline

PROJECTED = (
    "definitions",
    "instances",
    "cases",
    "tasks",
    "incidents",
    "waiting_jobs",
    "decisions",
    "timeline",
    "set_aside",
)
"""The tables that it writes; of `cases` and `timeline` workers write a part."""


async def project(
    tables: Tables, news: Sequence[Reduced], definitions: Definitions, outcomes: Outcomes
) -> set[str]:
    """Write what these records, of one partition and in its order, say. Gives the ids of the cases concerned."""
    await keep_definitions(tables, news)
    await open_cases(tables, news)
    await keep_tasks(tables, news)
    await keep_incidents(tables, news)
    await keep_jobs(tables, news)
    await keep_decisions(tables, news)
    await close_cases(tables, news, outcomes)
    concerned = await write_timeline(tables, news, definitions, outcomes)
    await move_instances(tables, news)
    return concerned
