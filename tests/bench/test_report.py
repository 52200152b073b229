"""What the figures become: a table and a picture."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from tests.bench import acks, picture, report, side_by_side
from tests.bench.ground import FULL, Ground
from tests.bench.usage import medians


def test_what_is_reported_names_each_group_and_figure() -> None:
    """The table shows every figure of the report."""
    figures = {"orders_per_s": 12.5, "jobs_per_s": {"ours": 300.0}}
    cells = [str(cell) for column in report.table(figures).columns for cell in column.cells]
    assert "orders_per_s" in cells
    assert "12.5" in cells
    assert any("jobs_per_s" in cell for cell in cells)
    assert "  ours" in cells


def test_the_picture_has_a_bar_for_each_figure_of_a_group(tmp_path: Path) -> None:
    """It is well-formed, and groups that were not measured are not in it."""
    picture.draw({"jobs_per_s": {"ours": 300.0, "java": 350.0}}, tmp_path / "bench.svg")
    texts = etree.parse(tmp_path / "bench.svg").getroot().itertext()
    assert {"ours", "300", "java", "350"} <= set(texts)
    assert "ack" not in (tmp_path / "bench.svg").read_text()


def test_a_client_that_was_left_out_stands_in_report_and_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a JDK there is no Java client: whoever reads the figures later has not seen the bench say so."""
    monkeypatch.setenv("PATH", "")
    stack: Any = SimpleNamespace(grpc_address="", database_url="")
    nobody: Any = lambda _: None  # noqa: E731  # hears what the bench says
    turns = side_by_side.quick_turns(1)
    clients = side_by_side.SideBySide(Ground(stack, FULL, nobody, "", {}), turns)
    figures = clients.figures({name: [ROUND] for name in ("ours",)}, [1.0])
    assert figures["left_out"]["java"].startswith("no JDK")
    assert figures["ratio_java"] is None
    cells = [str(cell) for column in report.table(figures).columns for cell in column.cells]
    assert any("left_out" in cell for cell in cells)
    assert any(cell.startswith("no JDK") for cell in cells)


ROUND = side_by_side.Round(jobs=10, seconds=1, client_cpu=1, broker_cpu=1)


def test_figures_are_the_medians_of_their_rounds() -> None:
    """Nested ones too; one slow round does not count for three."""
    rounds: list[dict[str, Any]] = [
        {"orders_per_s": 10, "cpu": {"api": 1}},
        {"orders_per_s": 40, "cpu": {}},
        {"orders_per_s": 41.5},
    ]
    assert medians(rounds) == {"orders_per_s": 40, "cpu": {"api": 1}}
    took = {"50": [acks.Answers([1.0] * 99 + [longest], refused=1) for longest in (5.0, 900.0, 7.0)]}
    figures = acks.figures_of(took, [])
    assert (figures["ack_p50_ms"], figures["ack_max_ms"], figures["ack_refused"]) == (
        {"50": 1.0},
        {"50": 900.0},
        {"50": 3},
    )
    assert FULL.rounds >= 3
