"""What judges the coverage of the diagrams (tests/flows.py), tried on runs that take flows without an engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.coverage_page import Coverage, page
from tests.flows import PICTURES
from workers.runtime.model import read_diagram
from workers.runtime.resources import models_dir

ROOT = Path(__file__).parents[2]
CONFTEST = """
from pathlib import Path
from tests import flows
from tests.conftest import *
flows.ENGINE_TESTS = Path(__file__).parent
"""
HALF = """
import os
from collections import Counter
from tests.flows import FLOWS_TAKEN, coverages

def test_takes_every_other_flow(pytestconfig):
    mine = pytestconfig.stash.setdefault(FLOWS_TAKEN, {})
    for each in coverages({}):
        flows = [flow for flow in sorted(each.counts) if flow != os.environ["NOBODY_TAKES"]]
        mine.setdefault(each.process, Counter()).update(flows[HALF::2])
"""


def run(folder: Path, *arguments: str, nobody_takes: str = "") -> subprocess.CompletedProcess[str]:
    """A run of two files of engine tests, each of which takes half of all flows."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(CONFTEST)
    for half in (0, 1):
        (folder / f"test_half_{half}.py").write_text(HALF.replace("HALF", str(half)))
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=folder,
        env={**os.environ, "NOBODY_TAKES": nobody_takes, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_passes_when_its_processes_took_every_flow_together(tmp_path: Path) -> None:
    ended = run(tmp_path, "-n", "2")
    assert ended.returncode == 0, ended.stdout
    assert "fulfillment: " in ended.stdout
    assert "never taken" not in ended.stdout
    assert (tmp_path / "build/reports/coverage.html").exists()


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_run_fails_and_names_the_flow_that_none_took(tmp_path: Path, processes: str) -> None:
    ended = run(tmp_path, "-n", processes, nobody_takes="Flow_OrderPaid")
    assert ended.returncode == 1, ended.stdout
    assert "never taken: Flow_OrderPaid" in ended.stdout
    assert "1 sequence flows never taken" in ended.stdout.splitlines()[-1]


def test_a_run_of_some_engine_tests_is_not_judged(tmp_path: Path) -> None:
    ended = run(tmp_path, "test_half_0.py")
    assert ended.returncode == 0, ended.stdout
    assert "sequence flows" not in ended.stdout


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
