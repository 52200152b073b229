"""What the figures become: a table and a picture."""

from pathlib import Path

from lxml import etree

from tests.bench import picture, report


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
