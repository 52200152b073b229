"""What a user installs has everything that it needs: built as it would be published, and looked into."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
TAKEN_ALONG = {
    "api/templates": "api/templates",
    "api/static": "api/static",
    "workers/casefile/migrations": "workers/casefile/migrations",
    "workers/adapters": "workers/adapters",
    "bpmn": "workers/resources/bpmn",
    "forms": "workers/resources/forms",
    "docs/samples": "workers/resources/samples",
}
"""By folder of the checkout: where the wheel has it."""
KINDS = {
    ".html",
    ".css",
    ".js",
    ".svg",
    ".json",
    ".py",
    ".txt",
    ".toml",
    ".gz",
    ".bpmn",
    ".dmn",
    ".form",
    ".jsonl",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """Without a network: what builds it is among our own dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)  # our own words
    [built] = folder.glob("*.whl")
    return ZipFile(built)


@pytest.mark.parametrize("folder", TAKEN_ALONG)
def test_every_file_is_in_it_as_it_is_here(folder: str, wheel: ZipFile) -> None:
    here = [
        path for path in (ROOT / folder).rglob("*") if path.suffix in KINDS and "__pycache__" not in path.parts
    ]
    assert here
    for path in here:
        name = f"{TAKEN_ALONG[folder]}/{path.relative_to(ROOT / folder).as_posix()}"
        assert wheel.read(name) == path.read_bytes(), name


def test_nothing_of_tests_or_of_building_is_in_it(wheel: ZipFile) -> None:
    first = {name.partition("/")[0] for name in wheel.namelist()}
    assert {name for name in first if not name.endswith(".dist-info")} == {"api", "workers"}
    assert not [name for name in wheel.namelist() if "node_modules" in name or "__pycache__" in name]


def test_its_command_is_there(wheel: ZipFile) -> None:
    [name] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "orderops = workers.runtime.cli:main" in wheel.read(name).decode()
