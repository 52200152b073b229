"""The figures are what they say, on cases one can count by hand."""

from pathlib import Path

import pytest

from tests.eval import cases, compare, page
from tests.eval.__main__ import judge, summary
from tests.eval.cases import Case
from tests.eval.measure import Judged, bins, calibration_error, figures
from workers.adapters.local_analysis import LocalAnalysis
from workers.ports.analysis import Intent

REFUND, CANCEL, OTHER = Intent.REFUND, Intent.CANCEL, Intent.OTHER


def judged(
    truth: Intent | None,
    intent: Intent = OTHER,
    confidence: float = 1.0,
    *,
    harm: bool | None = None,
    signal: bool = False,
    angry: bool | None = None,
    anger: int = 0,
    text: str = "text",
) -> Judged:
    case = Case("group", text, text, truth, harm, angry)
    return Judged(case, intent, confidence, anger, signal, 0.9 if signal else 0.1, "words", 1.0)


def test_precision_recall_and_f1_are_those_of_the_confusion_matrix() -> None:
    some = [judged(REFUND, REFUND), judged(REFUND, CANCEL), judged(CANCEL, CANCEL), judged(OTHER, CANCEL)]
    found = figures(some)
    assert found["by_intent"]["refund"] == {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "cases": 2}
    assert found["by_intent"]["cancel"] == {"precision": 0.3333, "recall": 1.0, "f1": 0.5, "cases": 1}
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0.5 + 0) / 3, abs=1e-3)
    assert found["accuracy"] == 0.5


def test_an_intent_that_no_case_has_does_not_count() -> None:
    assert set(figures([judged(REFUND, REFUND), judged(None, CANCEL)])["by_intent"]) == {"refund"}


def test_calibration_error_is_the_distance_of_confidence_and_frequency() -> None:
    assert calibration_error(bins([(0.75, True), (0.75, True), (0.75, True), (0.75, False)])) == 0.0
    assert calibration_error(bins([(1.0, False), (1.0, True)])) == 0.5
    assert calibration_error(bins([(0.05, False), (0.95, True)])) == 0.05


def test_safety_counts_missed_harm_and_false_alarms() -> None:
    some = [judged(None, harm=True, signal=True), judged(None, harm=True), judged(None, harm=False, signal=True)]
    some += [judged(None, harm=False)] * 3
    found = figures(some)
    assert (found["safety_recall"], found["safety_precision"], found["safety_false_alarm_rate"]) == (
        0.5,
        0.5,
        0.25,
    )


def test_anger_is_judged_by_pairs() -> None:
    calm, angry = judged(None, angry=False, anger=10), judged(None, angry=True, anger=50)
    assert figures([calm, angry])["anger_auc"] == 1.0
    assert figures([calm, judged(None, angry=True, anger=10)])["anger_auc"] == 0.5
    assert "anger_auc" not in figures([calm])


def test_a_comparison_names_what_became_worse_first(tmp_path: Path) -> None:
    before = [judged(REFUND, REFUND, text="a"), judged(CANCEL, OTHER, text="b"), judged(None, OTHER, text="c")]
    now = [judged(REFUND, OTHER, text="a"), judged(CANCEL, CANCEL, text="b"), judged(None, CANCEL, text="c")]
    path = tmp_path / "cases.csv"
    compare.write(before, path)
    found = compare.changes(compare.read(path), now)
    assert [(change.text, change.better) for change in found] == [("a", False), ("b", True), ("c", None)]
    assert compare.changes(compare.read(path), before) == []
    assert compare.changes(compare.said(before), now) == found


def test_labelled_files_of_ones_own_are_read(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("text,intent,safety\nwhere is it,tracking,\nit burned me,,true\n")
    first, second = cases.labelled(file)
    assert (first.intent, first.safety) == (Intent.TRACKING, None)
    assert (second.intent, second.safety) == (None, True)


def test_without_shared_data_there_are_our_own_tickets_only(tmp_path: Path) -> None:
    assert list(cases.shared(tmp_path)) == []
    assert {case.intent for case in cases.own()} == {*Intent, None}


def test_our_own_tickets_are_understood_and_the_report_is_written(tmp_path: Path) -> None:
    """The goals, on the small set that is always there."""
    some = judge(LocalAnalysis(), list(cases.own()))
    found = summary(some) | {"at": "now", "quick": True, "model": "m"}
    assert found["macro_f1"] >= 0.95
    assert found["safety_recall"] >= 0.99
    assert found["safety_precision"] >= 0.9
    path = tmp_path / "eval.html"
    page.write(found, some, [], path)
    html = path.read_text(encoding="utf-8")
    assert "What was taken for what" in html
    assert "http" not in html.replace("http://www.w3.org", "")


def test_texts_in_the_report_are_text(tmp_path: Path) -> None:
    some = [judged(REFUND, OTHER, text="<script>alert(1)</script>", harm=False, signal=True)]
    page.write(summary(some) | {"at": "now", "quick": True, "model": "m"}, some, None, tmp_path / "eval.html")
    assert "<script>" not in (tmp_path / "eval.html").read_text(encoding="utf-8")
