"""Decisions that were made, and the files they and all else were made by."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from workers.casefile.projection.reduced import Reduced
from workers.casefile.projection.tables import Tables, given, table

KINDS = {"PROCESS": "process", "DECISION_REQUIREMENTS": "decisions", "FORM": "form"}

_DEFINITIONS, _DECISIONS = table("definitions"), table("decisions")
_deployed = given(_DEFINITIONS, "key", "kind", "id", "version", "resource", "deployed_at")
_ADD_DEFINITIONS = (
    insert(_DEFINITIONS).from_select(_deployed.c.keys(), select(*_deployed.c)).on_conflict_do_nothing()
)
"""Every partition tells of every deployment."""
_decided = given(
    _DECISIONS,
    "partition",
    "position",
    "process_instance_key",
    "process",
    "element_id",
    "decision",
    "name",
    "version",
    "output",
    "tables",
    "decided_at",
)
_ADD_DECISIONS = insert(_DECISIONS).from_select(_decided.c.keys(), select(*_decided.c)).on_conflict_do_nothing()


async def keep_definitions(tables: Tables, news: Sequence[Reduced]) -> None:
    """Add what was deployed."""
    rows = [_definition(record) for record in news if record.value_type in KINDS]
    await tables.put(_ADD_DEFINITIONS, rows)


def _definition(record: Reduced) -> dict[str, Any]:
    kind, facts = KINDS[record.value_type], record.facts or {}
    return {"key": record.key, "kind": kind, "deployed_at": record.happened_at, **facts}


async def keep_decisions(tables: Tables, news: Sequence[Reduced]) -> None:
    """Add what was decided."""
    rows = [_decision(record) for record in news if record.value_type == "DECISION_EVALUATION"]
    await tables.put(_ADD_DECISIONS, rows)


def _decision(record: Reduced) -> dict[str, Any]:
    facts = record.facts or {}
    return {
        "partition": record.partition,
        "position": record.position,
        "process_instance_key": record.process_instance_key,
        "process": record.process,
        "element_id": record.element_id,
        "decision": facts["decisionId"],
        "name": facts["decisionName"],
        "version": facts["decisionVersion"],
        "output": facts["output"],
        "tables": facts["tables"],
        "decided_at": record.happened_at,
    }
