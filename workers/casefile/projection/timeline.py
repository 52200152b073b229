"""Timeline entries of what the engine told: to which case, by which names, and written at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.projection.definitions import Definitions
from workers.casefile.projection.instances import Instances, Match, Outcomes, moved
from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.sentences import Context, Told, joined, left, needs, told
from workers.casefile.projection.tables import Tables, given, table

SOURCE = "engine"

_TIMELINE = table("timeline")
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


@dataclass(frozen=True, slots=True)
class Belonging:
    """Which case an instance belongs to when: that of its row, and another one from its match on."""

    instances: Instances
    matches: Mapping[int, Match]
    """By root."""

    def case_of(self, record: Reduced) -> str:
        """The case as it was when this happened; the instance is known."""
        instance = self.instances[record.process_instance_key or 0]
        match = self.matches.get(instance.root_key)
        return str(match.case_id if match and match.position < record.position else instance.case_id)

    def match_by(self, record: Reduced) -> Match | None:
        """The match that this record led to."""
        match = self.matches.get(self.instances[record.process_instance_key or 0].root_key)
        return match if match and match.position == record.position else None


async def write_timeline(
    tables: Tables, news: Sequence[Reduced], definitions: Definitions, outcomes: Outcomes, belonging: Belonging
) -> None:
    """Write the sentences of these records; those of instances that we do not know have none."""
    instances = belonging.instances
    of_case = [record for record in news if record.process_instance_key in instances]
    files = {key for record in of_case if (key := needs(record))}
    moves = moved(of_case)
    targets = {target for each in moves.values() for _, target in each}
    await definitions.learn(tables, files | targets | {each.definition_key for each in instances.values()})
    entries = []
    for record in of_case:
        instance = instances[record.process_instance_key or 0]
        earlier = [target for position, target in moves.get(instance.key, ()) if position < record.position]
        version = earlier[-1] if earlier else instance.definition_key
        context = Context(definitions[version], definitions[needs(record)], outcomes)
        if said := told(record, context):
            entries.append(_entry(record, belonging.case_of(record), said))
        if match := belonging.match_by(record):
            entries.append(_entry(record, match.began_as, left(match.case_id)))
            entries.append(_entry(record, match.case_id, joined(record, context, match.began_as)))
    await tables.put(_ADD, entries)


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
