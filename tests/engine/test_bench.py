"""The benchmarks in their shortest form: that they work and report what they should, never how fast it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.bench import acks, orders, picture, report, rows, side_by_side
from tests.bench.ground import Ground, Lengths
from tests.bench.side_by_side import Turns
from tests.engine.shop_floor import SECRET, Floor
from workers.runtime.native.stack import Stack

SHORT = Lengths(warm=1, window=1.5, quick=True)


@pytest.fixture
def ground(native_engine: Stack, floor: Floor) -> Ground:
    """The session's own engine; api and worker are in this process."""
    pids = {"broker": native_engine.pid("broker-1"), "postgres": native_engine.pid("postgres")}
    return Ground(native_engine, SHORT, lambda _: None, SECRET, pids)


def positive(figures: Mapping[str, Any], *names: str) -> bool:
    return all(figures[name] > 0 for name in names)


class TestTheParts:
    async def test_orders_are_counted_with_what_they_cost(self, ground: Ground) -> None:
        figures = await orders.measure(ground)
        assert positive(figures, "orders_per_s", "orders", "broker_cpu_ms_per_order", "records_per_order")
        assert positive(figures["cpu_ms_per_order"], "broker", "postgres", "bench", "mock_in_worker")
        assert "fulfillment" in figures["step_ms"]

    async def test_clients_take_turns_on_one_broker(self, ground: Ground) -> None:
        """Without a JDK, too: the Java client is left out here, its figures are then empty."""
        clients = ("ours", "ours_journal", "pyzeebe_streaming", "pyzeebe_polling")
        turns = Turns(0.1, 20, 2, rounds=1, pace_seconds=0.5, clients=clients)
        figures = await side_by_side.take_turns(ground, turns)
        assert positive(figures["jobs_per_s"], *clients)
        assert positive(figures["client_cpu_ms_per_job"], *clients)
        assert positive(figures, "job_overhead_p50_ms", "job_overhead_p99_ms")
        assert figures["ratio_java"] is None

    async def test_acknowledgements_are_timed_with_the_engine_up_and_down(self, ground: Ground) -> None:
        figures = await acks.measure(ground, seconds=0.2)
        for name in ("ack_p50_ms", "ack_p99_ms", "ack_max_ms"):
            assert positive(figures[name], "50", "200", "50_engine_down", "200_engine_down")

    async def test_the_hot_statements_are_timed_beside_many_rows(self, ground: Ground) -> None:
        measured = await rows.measure(ground.stack.database_url, ground.say, quick=True)
        assert measured.keys() == {"accept", "claim", "once", "describe"}
        assert all(positive(each, "1000") for each in measured.values())


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
