"""What another version of a table decides otherwise is what was changed in it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.containers import Containers
from tests.eval import page, tables
from tests.eval.__main__ import judge, summary
from tests.eval.cases import Case
from workers.adapters.local_analysis import LocalAnalysis
from workers.runtime.engine import Engine
from workers.runtime.errors import UserError
from workers.runtime.native.stack import Stack

TEXTS = (
    "My lamp arrived broken, the glass is cracked. I want my money back.",
    "Where is my order? The tracking has not moved for days.",
    "The lamp burned my hand, I had to see a doctor.",
)
JUDGED = judge(LocalAnalysis(), [Case("own", str(number), text) for number, text in enumerate(TEXTS)])


def other(folder: Path, name: str, old: str, new: str) -> Path:
    """Our table with something else in it."""
    text = (tables.MODELS / f"{name}.dmn").read_text()
    assert old in text
    path = folder / "before.dmn"
    path.write_text(text.replace(old, new))
    return path


def said(compared: tables.Compared) -> Sequence[tuple[str, str, str, int]]:
    return [(way.what, way.before, way.now, way.tickets) for way in compared.ways]


Against = Callable[[Path], Awaitable[tables.Compared]]


@pytest.fixture
async def against(engine: Stack | Containers) -> AsyncIterator[Against]:
    """Our table compared with the one in a file, by the session's engine."""
    async with Engine(engine.grpc_address, engine.rest_url) as client:
        yield lambda path: tables.compare(path, JUDGED, partial(tables.decide, client, lambda _: None))


@pytest.mark.engine
class TestOnTheRealEngine:
    async def test_a_moved_limit_sends_its_tickets_another_way(self, against: Against, tmp_path: Path) -> None:
        before = other(tmp_path, "resolution_gate", "[1..2000)", "[1..900)")
        compared = await against(before)
        assert compared.decisions == len(TEXTS) * len(tables.SITUATIONS)
        [change] = compared.changes
        assert (change.group, change.text) == ("own", TEXTS[0])
        assert (change.before.partition(",")[0], change.now.partition(",")[0]) == ("ask_human", "auto_refund")
        assert said(compared) == [("paid 9.90", change.before, change.now, 1)]

    async def test_of_several_outputs_those_are_named_that_are_others(
        self, against: Against, tmp_path: Path
    ) -> None:
        before = other(tmp_path, "triage_priority", "<text>60</text>", "<text>61</text>")
        compared = await against(before)
        assert {(way.before, way.now) for way in compared.ways} == {("61", "60")}
        assert {change.text for change in compared.changes} == set(TEXTS)

    async def test_other_words_are_told_after_other_ways(self, against: Against, tmp_path: Path) -> None:
        before = other(tmp_path, "resolution_gate", '"Somebody may get hurt"', '"Danger"')
        compared = await against(before)
        assert {(way.mainly, way.before, way.now) for way in compared.ways} == {
            (False, "Danger", "Somebody may get hurt")
        }
        found = tables.figures(compared)
        assert (found["changed"], found["changed_mainly"]) == (len(tables.SITUATIONS), 0)

    async def test_the_same_version_changes_nothing(self, against: Against) -> None:
        same = tables.MODELS / "resolution_gate.dmn"
        compared = await against(same)
        assert (compared.changes, compared.ways) == ([], [])


async def nobody(_decision: str, _file: Path, _questions: Sequence[tables.Question]) -> dict[bytes, object]:
    raise AssertionError("nobody is asked")


async def test_a_table_that_asks_for_more_than_a_ticket_is_refused(tmp_path: Path) -> None:
    before = other(tmp_path, "resolution_gate", "<text>anger</text>", "<text>weather</text>")
    with pytest.raises(UserError, match="asks for weather"):
        await tables.compare(before, JUDGED, nobody)


@pytest.mark.parametrize("name", ["nowhere.dmn", "other.dmn"])
def test_a_file_without_a_table_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "other.dmn").write_text(
        (tables.MODELS / "resolution_gate.dmn").read_text().replace("resolution_gate", "somebody_elses")
    )
    with pytest.raises(UserError) as refused:
        tables.other_version(tmp_path / name)
    assert "git show" in (refused.value.hint or "")


def test_the_page_says_how_many_go_which_way(tmp_path: Path) -> None:
    compared = tables.Compared("resolution_gate", 18, [], [tables.Way(True, "<b>", "a", "b", 7)])
    found = summary(JUDGED) | {"at": "now", "quick": True, "model": "m", "table": tables.figures(compared)}
    page.write(found, JUDGED, [], tmp_path / "eval.html")
    html = (tmp_path / "eval.html").read_text()
    assert "7 of 18 decisions are others" in html
    assert "<td>&lt;b&gt;</td><td>a</td><td>b</td><td class=num>7</td>" in html
