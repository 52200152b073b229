"""What is checked before anything starts, and what people are told when it does not do."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from workers.runtime.errors import UserError
from workers.runtime.native.config import StackConfig, default_cache
from workers.runtime.native.credentials import load_credentials
from workers.runtime.native.doctor import examine
from workers.runtime.native.java import find_java
from workers.runtime.native.ports import StackPorts, free_base_port, require_free


class TestPorts:
    def test_a_taken_port_is_named_with_what_needs_it_and_who_has_it(self) -> None:
        ports = StackPorts(free_base_port())
        with socket.create_server(("127.0.0.1", ports.api)), pytest.raises(UserError) as refused:
            require_free(ports.named())
        assert str(refused.value).startswith(f"Port {ports.api}, needed by the api, is taken by ")
        assert f"(process {os.getpid()})" in str(refused.value)
        assert "--base-port" in str(refused.value.hint)

    def test_all_ports_of_a_cluster_differ(self) -> None:
        assert len(StackPorts(26500, 3).named()) == 3 * 5 + 3


class TestJava:
    def test_one_comes_with_us(self) -> None:
        assert find_java().version >= 21

    def test_one_too_old_is_refused_in_a_sentence(self, tmp_path: Path) -> None:
        old = tmp_path / "java"
        old.write_text("#!/bin/sh\necho 'openjdk version \"17.0.9\" 2023-10-17' >&2\n")
        old.chmod(0o755)
        with pytest.raises(UserError, match=r"is Java 17, and Camunda 8\.6 needs 21"):
            find_java(str(old))

    def test_one_that_is_not_there_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="does not exist"):
            find_java(str(tmp_path / "java"))


class TestConfig:
    def test_the_keeper_reads_what_up_wrote(self, tmp_path: Path) -> None:
        config = StackConfig(instance="a-1", home=tmp_path, brokers=3, environment={"A": "b"})
        assert StackConfig.from_json(config.to_json()) == config

    def test_a_name_that_would_leave_the_folder_is_refused(self) -> None:
        with pytest.raises(UserError, match="not a possible instance name"):
            StackConfig(instance="../other")

    def test_secrets_stay_the_same_and_are_for_the_owner_only(self, tmp_path: Path) -> None:
        assert load_credentials(tmp_path) == load_credentials(tmp_path)
        assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


class TestCache:
    """The place that the Makefile names too, on every system."""

    def test_it_is_where_the_user_keeps_caches(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("ORDEROPS_CACHE", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", "")
        assert default_cache() == tmp_path / ".cache" / "orderops"
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
        assert default_cache() == tmp_path / "caches" / "orderops"


class TestDoctor:
    def test_what_is_broken_comes_with_how_to_mend_it(self, tmp_path: Path) -> None:
        config = StackConfig(home=tmp_path, cache=tmp_path, instance="d", java=str(tmp_path / "java"))
        broken = [finding for finding in examine(config) if not finding.ok]
        assert [finding.what for finding in broken] == ["Java"]
        assert "ORDEROPS_JAVA" in broken[0].mend


class TestCommandLine:
    def test_an_error_is_a_sentence_and_a_code_and_never_a_trace(self, tmp_path: Path) -> None:
        run = subprocess.run(
            [sys.executable, "-m", "workers.runtime.cli", "logs", "nothing"],
            env={**os.environ, "ORDEROPS_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 1
        assert run.stderr.startswith("There is no log for “nothing”")
        assert "Traceback" not in run.stderr
