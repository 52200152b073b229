"""Timeline entries of what the engine told: to which case, by which names, and written at once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from workers.casefile.projection.cases import Outcomes, moved
from workers.casefile.projection.definitions import Definitions
from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.sentences import Context, Told, needs, told
from workers.casefile.projection.tables import Tables, given, table

SOURCE = "engine"

_TIMELINE, _INSTANCES = table("timeline"), table("instances")
_FIND_INSTANCES = select(_INSTANCES.c.key, _INSTANCES.c.case_id, _INSTANCES.c.definition_key).where(
    _INSTANCES.c.key == func.any(bindparam("keys", type_=ARRAY(BigInteger())))
)
_COLUMNS = ("case_id", "key", "kind", "sentence", "facts", "happened_at", "source", "actor")
_told = given(_TIMELINE, *_COLUMNS, "process_instance_key", "element_id", "recorded_at")
_ADD = (
    insert(_TIMELINE)
    .from_select(
        _told.c.keys(),
        select(
            *(_told.c[name] for name in (*_COLUMNS, "process_instance_key", "element_id")),
            func.coalesce(_told.c.recorded_at, func.now()),
        ),
    )
    .on_conflict_do_nothing()
)


async def write_timeline(
    tables: Tables, news: Sequence[Reduced], definitions: Definitions, outcomes: Outcomes
) -> set[str]:
    """Write the sentences of these records, and give the cases that any of the records are about."""
    keys = {record.process_instance_key for record in news if record.process_instance_key}
    if not keys:
        return set()
    found = await tables.find(_FIND_INSTANCES, {"keys": list(keys)})
    instances = {row.key: row for row in found}
    of_case = [record for record in news if record.process_instance_key in instances]
    files = {key for record in of_case if (key := needs(record))}
    moves = moved(of_case)
    targets = {target for each in moves.values() for _, target in each}
    await definitions.learn(tables, files | targets | {row.definition_key for row in found})
    entries = []
    for record in of_case:
        instance = instances[record.process_instance_key]
        earlier = [target for position, target in moves.get(instance.key, ()) if position < record.position]
        version = earlier[-1] if earlier else instance.definition_key
        context = Context(definitions[version], definitions[needs(record)], outcomes)
        if said := told(record, context):
            entries.append(_entry(record, instance.case_id, said))
    await tables.put(_ADD, entries)
    return {row.case_id for row in found}


def _entry(record: Reduced, case_id: str, said: Told) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "key": f"{record.partition}-{record.position}",
        "happened_at": record.happened_at,
        "recorded_at": record.recorded_at,
        "source": SOURCE,
        "process_instance_key": record.process_instance_key,
        "element_id": record.element_id,
        "kind": said.kind,
        "sentence": said.sentence,
        "facts": said.facts,
        "actor": said.actor,
    }
