"""What a full stack is made of, before any of it is started."""

import json
import re
from pathlib import Path

import pytest

from tests.native.conftest import Mirror
from tests.native.test_downloads import artifact_of
from workers.runtime.native.camunda import Broker, Records
from workers.runtime.native.config import StackConfig
from workers.runtime.native.downloads import fetch_all
from workers.runtime.native.ports import HOST, StackPorts
from workers.runtime.native.search import COORDINATES, locked
from workers.runtime.native.state import environment, is_full, remember
from workers.runtime.native.webapps import Webapps

PORTS = StackPorts(26500)


def webapps(folder: Path) -> Webapps:
    return Webapps(folder=folder, ports=PORTS, search_url="http://127.0.0.1:1", password="random")


class TestAnInstanceStaysWhatItIs:
    def test_a_new_one_is_light(self, tmp_path: Path) -> None:
        assert not is_full(StackConfig(home=tmp_path))

    def test_one_that_was_full_is_full_again_unless_told_otherwise(self, tmp_path: Path) -> None:
        config = StackConfig(home=tmp_path)
        config.state_dir.mkdir(parents=True)
        remember(config, PORTS, full=True)
        assert is_full(config)
        assert not is_full(StackConfig(home=tmp_path, full=False))


class TestBroker:
    @pytest.mark.parametrize(
        ("search_url", "exporters"), [(None, ["records"]), ("http://s", ["records", "search"])]
    )
    def test_the_second_exporter_comes_with_a_full_stack_only(
        self, tmp_path: Path, search_url: str | None, exporters: list[str]
    ) -> None:
        records = Records(url="http://127.0.0.1:1", password="secret")
        broker = Broker(number=0, folder=tmp_path, ports=PORTS, heap="1g", records=records, search_url=search_url)
        assert list(broker.configuration()["zeebe"]["broker"]["exporters"]) == exporters

    def test_without_any_exporter_none_is_named(self, tmp_path: Path) -> None:
        """An empty list is no configuration to Spring."""
        broker = Broker(number=0, folder=tmp_path, ports=PORTS, heap="1g")
        assert "exporters" not in broker.configuration()["zeebe"]["broker"]


class TestWebapps:
    def test_every_address_is_this_machine(self, tmp_path: Path) -> None:
        configuration = json.dumps(webapps(tmp_path).configuration())
        assert set(re.findall(r"\d+\.\d+\.\d+\.\d+", configuration)) == {HOST}

    def test_both_look_often_for_what_happened(self, tmp_path: Path) -> None:
        """By themselves they wait 5 s, and what was done here is seen there that much later."""
        camunda = webapps(tmp_path).configuration()["camunda"]
        for each in ("operate", "tasklist"):
            waits = camunda[each]["importer"]
            assert waits["readerBackoff"] <= 300
            assert waits["schedulerBackoff"] <= 300

    def test_nobody_is_called_demo(self, tmp_path: Path) -> None:
        assert webapps(tmp_path).configuration()["camunda"]["operate"]["userId"] == "operator"


class TestPorts:
    def test_all_ports_of_a_full_cluster_differ(self) -> None:
        assert len(StackPorts(26500, 5).named(full=True)) == 5 * 5 + 3 + 5

    def test_programs_learn_of_operate_and_tasklist_only_where_there_are_some(self) -> None:
        urls = dict.fromkeys(("database", "grpc", "rest", "management"), "x") | dict.fromkeys(
            ("api", "bridge"), "http://127.0.0.1:1"
        )
        assert not [name for name in environment(urls) if "TASKLIST" in name]
        assert environment({**urls, "tasklist": "http://t"})["ORDEROPS_TASKLIST_URL"] == "http://t"


class TestJars:
    def test_each_is_pinned_by_version_size_and_checksum(self) -> None:
        jars = locked()
        assert {f"{jar.group}:{jar.name}:{jar.version}" for jar in jars} > set(COORDINATES)
        assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in jars)
        assert len({jar.file_name for jar in jars}) == len(jars)

    def test_those_that_are_there_are_not_fetched_again(
        self, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "jgo.conf").write_text(f"[repositories]\nmirror = {mirror.url}/\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
        told: list[int] = []
        for _ in range(2):
            [file] = fetch_all([artifact_of(mirror.content)], tmp_path / "jars", lambda done, _: told.append(done))
        assert file.read_bytes() == mirror.content
        assert len(mirror.asked) == 1
        assert told[-1] == len(mirror.content)
