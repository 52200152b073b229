"""Logs are structured, in one format, and hold no personal data."""

import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from workers.runtime import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers, root.level = handlers, level


def lines(captured: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in captured.readouterr().err.splitlines()]


def test_ours_and_the_libraries_logs_have_one_format(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    structlog.get_logger().info("job.completed", duration_ms=1)
    logging.getLogger("uvicorn.error").warning("%s is odd", "this")
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["level"], ours["duration_ms"]) == ("job.completed", "info", 1)
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("this is odd", "uvicorn.error", "warning")


def test_the_jobs_context_is_in_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    structlog.contextvars.bind_contextvars(job_key=7)
    structlog.get_logger().info("effect.done")
    logging.getLogger("grpc").warning("trouble")
    assert [line["job_key"] for line in lines(capsys)] == [7, 7]


@pytest.mark.parametrize("field", sorted(logs.PERSONAL))
def test_personal_fields_are_hidden_wherever_they_are(field: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    structlog.get_logger().info("x", **{field: "Canary"})
    structlog.get_logger().info("x", order={"lines": [{field: "Canary"}]})
    assert "Canary" not in capsys.readouterr().err


def test_mail_addresses_are_hidden_in_any_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    structlog.get_logger().info("mail to canary@example.org", note=["canary+1@example.co.uk"])
    logging.getLogger("uvicorn.access").info("GET /?mail=%s", "canary@example.org")
    assert "canary" not in capsys.readouterr().err


def test_an_errors_place_is_told_without_its_text() -> None:
    def fails() -> None:
        raise ValueError("Canary")

    with pytest.raises(ValueError, match="Canary") as caught:
        fails()
    places = logs.places(caught.value)
    assert places[-1].endswith(" fails")
    assert "Canary" not in str(places)


def test_people_get_lines_they_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("console")
    structlog.get_logger().info("host.started", job_types=14)
    assert "host.started" in capsys.readouterr().err
