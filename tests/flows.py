"""Coverage of the diagrams: every sequence flow was taken by some engine test, or the run fails and names it.

Engine tests may be spread over several processes, each with a broker of its own: each counts what its broker told,
and the counts are summed up and judged when all have ended. The hooks here are those of tests/conftest.py.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from sqlalchemy import and_, func, or_, select

from tests.engine.coverage_page import Coverage, page
from workers.casefile.db import Database
from workers.casefile.record_models import Record
from workers.runtime.model import read_diagram
from workers.runtime.resources import models_dir
from workers.runtime.steps import read_steps

ENGINE_TESTS = Path(__file__).parent / "engine"
REPORTS = Path("build/reports")
PICTURES = Path(__file__).parents[1] / "docs" / "processes"
Taken = Mapping[str, Mapping[str, int]]
"""Process → sequence flow → how often it was taken."""
FLOWS_TAKEN = pytest.StashKey[Taken]()
ALL_CHOSEN = pytest.StashKey[bool]()
JUDGED = pytest.StashKey[list[Coverage]]()


async def count(database: Database) -> Taken:
    """How often each flow was taken, from the engine's own records."""
    return {path.stem: await _count(database, path) for path in _models()}


async def _count(database: Database, path: Path) -> Counter[str]:
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
    async with database.sessions() as session:
        told = Counter({row.element_id: row.times for row in await session.execute(query)})
    return Counter({flow: told[unsaid.get(flow, flow)] for flow in diagram.flows})


def coverages(taken: Taken) -> list[Coverage]:
    """Of every diagram; what nobody counted was not taken."""
    found = []
    for path in _models():
        counted = taken.get(path.stem, {})
        counts = {flow: counted.get(flow, 0) for flow in read_diagram(path).flows}
        found.append(Coverage(path.stem, (PICTURES / f"{path.stem}.svg").read_bytes(), counts))
    return found


def _models() -> list[Path]:
    return sorted(models_dir().glob("*.bpmn"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Only a run of all engine tests can be judged."""
    option, arguments = session.config.option, session.config.args
    some = option.keyword or option.lf or option.collectonly or any("::" in argument for argument in arguments)
    chosen = {item.path for item in session.items}
    session.config.stash[ALL_CHOSEN] = not some and chosen.issuperset(ENGINE_TESTS.glob("test_*.py"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of several processes has ended: add what it counted. One that died has failed the run already."""
    output: dict[str, Any] = getattr(node, "workeroutput", {})
    config: pytest.Config = node.config
    config.stash[ALL_CHOSEN] = config.stash.get(ALL_CHOSEN, False) or output.get("all_chosen", False)
    before = config.stash.get(FLOWS_TAKEN, {})
    more: Taken = output.get("flows_taken", {})
    config.stash[FLOWS_TAKEN] = {
        process: Counter(before.get(process, {})) + Counter(more.get(process, {})) for process in {*before, *more}
    }


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the counts over, or judge them: a flow that nobody took fails the run."""
    config = session.config
    if (output := getattr(config, "workeroutput", None)) is not None:
        taken = config.stash.get(FLOWS_TAKEN, {})
        output["flows_taken"] = {process: dict(counts) for process, counts in taken.items()}
        output["all_chosen"] = config.stash.get(ALL_CHOSEN, False)
    elif config.stash.get(ALL_CHOSEN, False):
        judged = config.stash[JUDGED] = coverages(config.stash.get(FLOWS_TAKEN, {}))
        _write(judged)
        if session.exitstatus == pytest.ExitCode.OK and any(each.missing for each in judged):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _write(judged: Sequence[Coverage]) -> None:
    REPORTS.mkdir(parents=True, exist_ok=True)
    figures = {each.process: each.figures for each in judged}
    (REPORTS / "coverage.json").write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    (REPORTS / "coverage.html").write_text(page(judged), encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the coverage; flows that were never taken stand in the last line, too."""
    if not (judged := config.stash.get(JUDGED, [])):
        return
    for each in judged:
        covered, total = each.figures["covered"], each.figures["total"]
        missing = f"; never taken: {', '.join(each.missing)}" if each.missing else ""
        terminalreporter.write_line(f"{each.process}: {covered} of {total} sequence flows taken{missing}")
    terminalreporter.write_line(f"drawn in {REPORTS / 'coverage.html'}")
    if never := [SimpleNamespace(flow=flow) for each in judged for flow in each.missing]:
        terminalreporter.stats["sequence flows never taken"] = never
