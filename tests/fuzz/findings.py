"""What Schemathesis found, read from its report of events."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that an answer did not pass."""

    check: str
    operation: str
    message: str
    request: str
    """Method, address and body, and the answer's status."""


def findings(report: Path) -> Sequence[Finding]:
    """One of each kind and operation: the first that was seen."""
    first: dict[tuple[str, str], Finding] = {}
    for line in report.read_bytes().splitlines():
        recorder = orjson.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for finding in _of_scenario(recorder):
            first.setdefault((finding.check, finding.operation), finding)
    return list(first.values())


def _of_scenario(recorder: Mapping[str, Any]) -> Iterator[Finding]:
    for case, checks in recorder.get("checks", {}).items():
        for check in checks:
            if check["status"] == "failure":
                failure = check["failure_info"]["failure"]
                said = _said(**recorder["interactions"][case])
                yield Finding(check["name"], failure["operation"], failure["message"], said)


def _said(request: Mapping[str, Any], response: Mapping[str, Any] | None = None, **_more: Any) -> str:
    raw = (request.get("body") or {}).get("$base64", "")
    body = base64.b64decode(raw).decode(errors="replace")
    status = response["status_code"] if response else "not"
    return f"{request['method']} {request['uri']} {body[:400]} was answered {status}"
