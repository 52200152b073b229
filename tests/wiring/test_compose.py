"""docker-compose.yml without a Docker engine: the Compose specification's schema, and our own rules."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from workers.runtime.native.camunda import WANTED_RECORDS
from workers.runtime.settings import Settings

ROOT = Path(__file__).parents[2]
Compose = dict[str, Any]


def read_yaml(name: str) -> Compose:
    content: Compose = YAML(typ="safe").load(ROOT / name)
    return content


@pytest.fixture
def compose() -> Compose:
    return read_yaml("docker-compose.yml")


def findings(compose: Compose) -> list[str]:
    """Every rule that is broken, in words."""
    rules = (_unpinned, _without_health_check, _published_to_others, _literal_secrets, _unknown_settings)
    return [
        f"{name}: {finding}"
        for name, service in compose["services"].items()
        for rule in rules
        for finding in rule(service)
    ]


def _unpinned(service: Compose) -> Iterator[str]:
    image = service.get("image", "")
    if not re.search(r":v?\d+\.\d+[\w.-]*$", image):
        yield f"image {image!r} is not pinned to a version"


def _without_health_check(service: Compose) -> Iterator[str]:
    ends_by_itself = service.get("restart") == "no"
    if not ends_by_itself and "test" not in service.get("healthcheck", {}):
        yield "runs on and has no health check"


def _published_to_others(service: Compose) -> Iterator[str]:
    for port in service.get("ports", []):
        if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port):
            yield f"port {port} is published beyond 127.0.0.1"


def _literal_secrets(service: Compose) -> Iterator[str]:
    """A secret is a variable, required or empty, and nothing else: no value, no default."""
    for key, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|TOKEN", key) and not re.fullmatch(r"\$\{[A-Z_]+:(\?[^}]+|-)}", str(value)):
            yield f"{key} is not simply taken from the environment"
        if re.search(r"://[^/@]*:[^@]+@", re.sub(r"\$\{[^}]+}", "", str(value))):
            yield f"{key} has a password in its address"


def _unknown_settings(service: Compose) -> Iterator[str]:
    for key in service.get("environment", {}):
        if key.startswith("ORDEROPS_") and key.removeprefix("ORDEROPS_").lower() not in Settings.model_fields:
            yield f"{key} is not a setting"


def _fits_the_schema(path: Path) -> bool:
    """By the schema that check-jsonschema brings along; no network."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_file_fits_the_specification(compose: Compose, tmp_path: Path) -> None:
    assert _fits_the_schema(ROOT / "docker-compose.yml")
    compose["services"]["api"]["depend_on"] = ["migrate"]
    misspelt = tmp_path / "docker-compose.yml"
    YAML(typ="safe").dump(compose, misspelt)
    assert not _fits_the_schema(misspelt)


def test_the_file_keeps_every_rule(compose: Compose) -> None:
    assert findings(compose) == []


def _latest(services: Compose) -> None:
    services["camunda"]["image"] = "camunda/camunda:latest"


def _open_to_all(services: Compose) -> None:
    services["api"]["ports"] = ["8000:8000"]


def _no_check(services: Compose) -> None:
    del services["search"]["healthcheck"]


def _secret_in_the_file(services: Compose) -> None:
    services["postgres"]["environment"]["POSTGRES_PASSWORD"] = "hunter2"


def _secret_with_default(services: Compose) -> None:
    services["postgres"]["environment"]["POSTGRES_PASSWORD"] = "${POSTGRES_PASSWORD:-hunter2}"


def _secret_in_an_address(services: Compose) -> None:
    services["api"]["environment"]["ORDEROPS_DATABASE_URL"] = "postgresql://orderops:hunter2@postgres/orderops"


def _misspelt_setting(services: Compose) -> None:
    services["worker"]["environment"]["ORDEROPS_ZEBEE_GRPC"] = "camunda:26500"


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (_latest, "camunda: image 'camunda/camunda:latest' is not pinned to a version"),
        (_open_to_all, "api: port 8000:8000 is published beyond 127.0.0.1"),
        (_no_check, "search: runs on and has no health check"),
        (_secret_in_the_file, "postgres: POSTGRES_PASSWORD is not simply taken from the environment"),
        (_secret_with_default, "postgres: POSTGRES_PASSWORD is not simply taken from the environment"),
        (_secret_in_an_address, "api: ORDEROPS_DATABASE_URL has a password in its address"),
        (_misspelt_setting, "worker: ORDEROPS_ZEBEE_GRPC is not a setting"),
    ],
)
def test_a_broken_rule_is_found(compose: Compose, spoil: Callable[[Compose], None], finding: str) -> None:
    spoiled = deepcopy(compose)
    spoil(spoiled["services"])
    assert finding in findings(spoiled)


def test_every_variable_is_explained_in_the_example() -> None:
    asked_for = set(re.findall(r"\$\{([A-Z_]+)[:}]", (ROOT / "docker-compose.yml").read_text()))
    explained = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(asked_for)


def test_the_example_holds_no_secret() -> None:
    values = re.findall(r"^#?([A-Z_]+)=(.+)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert [key for key, _ in values if re.search(r"PASSWORD|SECRET|TOKEN", key)] == []


def test_the_engine_sends_the_bridge_what_it_takes_in_and_nothing_more(compose: Compose) -> None:
    exporter = read_yaml("docker-camunda.yaml")["zeebe"]["broker"]["exporters"]["records"]
    index = exporter["args"]["index"]
    sent = {key for key, wanted in index.items() if wanted} - {"event"}
    assert sent == set(WANTED_RECORDS)
    port = compose["services"]["bridge"]["environment"]["ORDEROPS_BRIDGE_PORT"]
    assert exporter["args"]["url"] == f"http://bridge:{port}"


def test_pages_link_to_operate_and_tasklist_where_camunda_is_published(compose: Compose) -> None:
    [web] = [port for port in compose["services"]["camunda"]["ports"] if port.endswith(":8080")]
    environment = compose["services"]["api"]["environment"]
    base = f"http://{web.removesuffix(':8080')}"
    links = {key: value for key, value in environment.items() if re.search(r"_(OPERATE|TASKLIST)_URL$", key)}
    assert links == {"ORDEROPS_OPERATE_URL": f"{base}/operate", "ORDEROPS_TASKLIST_URL": f"{base}/tasklist"}
    assert "ORDEROPS_DATABASE_URL" in environment


def test_camunda_is_given_every_variable_its_configuration_asks_for(compose: Compose) -> None:
    asked_for = set(re.findall(r"\$\{([A-Z_]+)}", (ROOT / "docker-camunda.yaml").read_text()))
    assert asked_for <= set(compose["services"]["camunda"]["environment"])


def test_the_image_is_built_on_a_python_pinned_to_its_patch_version() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", bases[0])


def test_the_image_has_what_the_dockerfile_copies_and_no_root() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+)", dockerfile, re.MULTILINE)
    let_through = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(copied) == sorted(let_through)
    assert all((ROOT / path).exists() for path in copied)
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", dockerfile, re.MULTILINE)
    assert "--require-hashes" in dockerfile
