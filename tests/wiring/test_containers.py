"""ORDEROPS_ENGINE=containers without a Docker engine; with one, the engine tests themselves try it."""

import pytest

from tests.containers import _configuration, containers_stack, image_of
from workers.runtime.errors import UserError
from workers.runtime.native.ports import StackPorts


def test_without_a_docker_engine_there_is_a_clear_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(UserError, match="none answers") as refused, containers_stack(StackPorts(8000), "records"):
        pass
    assert refused.value.hint is not None
    assert "ORDEROPS_ENGINE" in refused.value.hint


def test_the_images_are_those_of_the_compose_file() -> None:
    assert image_of("camunda").startswith("camunda/camunda:8.8.")
    assert image_of("postgres").startswith("postgres:")


def test_the_engine_in_a_container_sends_its_records_to_this_machine() -> None:
    broker = _configuration(8123, "records")["zeebe"]["broker"]
    arguments = broker["exporters"]["records"]["args"]
    assert arguments["url"] == "http://host.docker.internal:8123"
    assert arguments["index"]["messageStartEventSubscription"]
