"""Every sequence flow of every diagram was taken by some engine test: computed from the engine's own records."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from sqlalchemy import and_, func, or_, select

from tests.conftest import FLOWS_TAKEN
from tests.engine.coverage_page import Coverage, page
from tests.engine.shop_floor import Floor
from workers.casefile.record_models import Record
from workers.runtime.model import read_diagram
from workers.runtime.resources import models_dir
from workers.runtime.steps import read_steps

REPORTS = Path("build/reports")
PICTURES = Path(__file__).parents[2] / "docs" / "processes"


@pytest.mark.engine
async def test_every_sequence_flow_was_taken_by_some_engine_test(
    floor: Floor, request: pytest.FixtureRequest
) -> None:
    """Runs last; what earlier tests of this session did is in the database."""
    config = request.config
    if config.option.keyword or config.option.lf or any("::" in argument for argument in config.args):
        pytest.skip("coverage of sequence flows needs all engine tests; only some were chosen")
    coverages = [await _coverage(floor, path) for path in sorted(models_dir().glob("*.bpmn"))]
    figures = {each.process: each.figures for each in coverages}
    config.stash[FLOWS_TAKEN] = [
        *(f"{name}: {each['covered']} of {each['total']} sequence flows taken" for name, each in figures.items()),
        f"drawn in {_write(coverages)}",
    ]
    missing = {each.process: each.missing for each in coverages}
    assert not any(missing.values()), f"never taken: {missing}"


def _write(coverages: Sequence[Coverage]) -> Path:
    REPORTS.mkdir(parents=True, exist_ok=True)
    figures = {each.process: each.figures for each in coverages}
    (REPORTS / "coverage.json").write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    picture = REPORTS / "coverage.html"
    picture.write_text(page(coverages), encoding="utf-8")
    return picture


async def _coverage(floor: Floor, path: Path) -> Coverage:
    diagram, unsaid = read_diagram(path), read_steps(path).unsaid
    query = (
        select(Record.element_id, func.count().label("times"))
        .where(
            Record.process == diagram.process_id,
            or_(
                Record.intent == "SEQUENCE_FLOW_TAKEN",
                and_(Record.intent == "ELEMENT_ACTIVATED", Record.element_id.in_(unsaid.values())),
            ),
        )
        .group_by(Record.element_id)
    )
    async with floor.app.database.sessions() as session:
        taken = Counter({row.element_id: row.times for row in await session.execute(query)})
    counts = {flow: taken[unsaid.get(flow, flow)] for flow in diagram.flows}
    return Coverage(diagram.process_id, (PICTURES / f"{diagram.process_id}.svg").read_bytes(), counts)


def test_the_picture_shows_which_flows_were_taken_and_how_often() -> None:
    """The page is drawn whether or not everything was taken; here one flow was not."""
    diagram = read_diagram(models_dir() / "fulfillment.bpmn")
    counts = dict.fromkeys(diagram.flows, 3) | {"Flow_Wait": 0}
    coverage = Coverage("fulfillment", (PICTURES / "fulfillment.svg").read_bytes(), counts)
    text = page([coverage])
    assert coverage.figures == {"covered": len(counts) - 1, "total": len(counts)}
    assert text.count('djs-connection taken"') == len(counts) - 1
    assert text.count('djs-connection missed"') == 1
    assert "Never taken: Flow_Wait." in text
    assert "Flow_OrderPaid: taken 3 times" in text
    assert "http" not in text.replace("http://www.w3.org/", ""), "the page loads something"
