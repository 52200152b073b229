"""All that is made of a batch of records, subject by subject."""

from collections.abc import Sequence

from workers.casefile.projection.cases import keep_cases
from workers.casefile.projection.decisions import keep_decisions, keep_definitions
from workers.casefile.projection.definitions import Definitions
from workers.casefile.projection.incidents import keep_incidents
from workers.casefile.projection.instances import (
    Outcomes,
    begin_instances,
    end_instances,
    find_instances,
    match_instances,
    matched,
    move_instances,
)
from workers.casefile.projection.jobs import keep_jobs
from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.tables import Tables
from workers.casefile.projection.tasks import keep_tasks
from workers.casefile.projection.timeline import Belonging, write_timeline

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
    await begin_instances(tables, news)
    instances = await find_instances(tables, {key for record in news if (key := record.process_instance_key)})
    matches = matched(news, instances)
    await keep_tasks(tables, news)
    await keep_incidents(tables, news)
    await keep_jobs(tables, news)
    await keep_decisions(tables, news)
    await end_instances(tables, news, outcomes)
    await write_timeline(tables, news, definitions, outcomes, Belonging(instances, matches))
    await match_instances(tables, matches.values())
    await move_instances(tables, news)
    await keep_cases(tables, news, instances, matches.values())
    return {each.case_id for each in (*instances.values(), *matches.values())}
