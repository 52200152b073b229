"""Every sequence flow of every diagram was taken by some engine test: computed from the engine's own records."""

from pathlib import Path

import orjson
import pytest
from sqlalchemy import select

from tests.conftest import FLOWS_TAKEN
from tests.engine.shop_floor import Floor
from workers.casefile.models import ElementEvent
from workers.runtime.model import Diagram, read_diagram
from workers.runtime.resources import models_dir

pytestmark = pytest.mark.engine
REPORT = Path("build/reports/coverage.json")


async def test_every_sequence_flow_was_taken_by_some_engine_test(
    floor: Floor, request: pytest.FixtureRequest
) -> None:
    """Runs last; what earlier tests of this session did is in the database."""
    config = request.config
    if config.option.keyword or config.option.lf or any("::" in argument for argument in config.args):
        pytest.skip("coverage of sequence flows needs all engine tests; only some were chosen")
    diagrams = [read_diagram(path) for path in sorted(models_dir().glob("*.bpmn"))]
    taken = {diagram.process_id: await _taken(floor, diagram) for diagram in diagrams}
    request.config.stash[FLOWS_TAKEN] = [
        f"{diagram.process_id}: {len(taken[diagram.process_id])} of {len(diagram.flows)} sequence flows taken"
        for diagram in diagrams
    ]
    _write({d.process_id: {"covered": len(taken[d.process_id]), "total": len(d.flows)} for d in diagrams})
    missing = {d.process_id: sorted(d.flows - taken[d.process_id]) for d in diagrams}
    assert not any(missing.values()), f"never taken: {missing}"


def _write(figures: dict[str, dict[str, int]]) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))


async def _taken(floor: Floor, diagram: Diagram) -> set[str]:
    query = (
        select(ElementEvent.element_id)
        .distinct()
        .where(ElementEvent.process == diagram.process_id, ElementEvent.intent == "SEQUENCE_FLOW_TAKEN")
    )
    async with floor.app.database.sessions() as session:
        return set((await session.scalars(query)).all()) & diagram.flows
