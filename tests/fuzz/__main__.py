"""`make fuzz`: whether any request at all makes the api answer 5xx, or what its documentation does not say."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from tests.bench.report import table, write
from tests.fuzz import cases, signing
from tests.fuzz.findings import Finding, findings
from workers.runtime.commands.stack import prepare_with_progress
from workers.runtime.native.config import StackConfig
from workers.runtime.native.ports import free_base_port
from workers.runtime.native.stack import Stack, running_stack

REPORT = Path("build/reports/fuzz.json")
QUICK_SECONDS, FULL_SECONDS = 16, 900
ENOUGH = 10_000
"""Requests of the full form, at least."""
console = Console(highlight=False)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def fuzz(
    quick: Annotated[bool, typer.Option("--quick", help="Short form, under 50 s: some hundred requests.")] = False,
    seconds: Annotated[int, typer.Option(help="How long requests are sent; 0 is 16 or, in full, 900.")] = 0,
    seed: Annotated[int, typer.Option(help="Another seed, other requests.")] = 1,
) -> None:
    """Send the api what its documentation allows and what it forbids, one by one and in sequences.

    Schemathesis makes the requests and all of its checks judge the answers, on a stack with engine, database and
    some cases. Exit code 1 when there is a finding; each is printed with the request that shows it.

    Figures: build/reports/fuzz.json: requests, server_errors, undocumented, behind_signatures, findings by check.
    """
    began = time.monotonic()
    prepare_with_progress(StackConfig(instance="fuzz"))
    with tempfile.TemporaryDirectory(prefix="orderops-fuzz-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        config = StackConfig(instance="fuzz", home=home, base_port=free_base_port(), short_lived=quick)
        with console.status("Starting") as line, running_stack(config, line.update) as stack:
            key = cases.deliver(stack)
            line.update("Sending requests")
            found = _run(stack, Path(folder), seconds or (QUICK_SECONDS if quick else FULL_SECONDS), seed, key)
            figures = _figures(stack, found, quick=quick)
    write(figures, REPORT)
    for finding in found:
        console.print(f"[red]{finding.check}[/] {finding.operation}: {finding.message}\n  {finding.request}")
    console.print(table(figures, "Fuzz"))
    console.print(f"Figures: {REPORT}. {time.monotonic() - began:.0f} s.")
    if found or figures["server_errors"] or (figures["requests"] < ENOUGH and not (quick or seconds)):
        raise SystemExit(1)


def _run(stack: Stack, folder: Path, seconds: int, seed: int, key: str) -> Sequence[Finding]:
    report = folder / "findings.ndjson"
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", "tests/fuzz/schemathesis.toml",
        "run", f"{stack.api_url}/openapi.json",
        "--header", f"Authorization: Bearer {_token(stack)}",
        "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure",
        "--max-time", str(seconds), "--seed", str(seed), "--workers", "2", "--no-shrink",
        "--generation-database", "none", "--report", "ndjson", "--report-ndjson-path", str(report), "--no-color",
    ]  # fmt: skip
    hooks = {"SCHEMATHESIS_HOOKS": "tests.fuzz.signing", signing.PAYPAL_KEY: key}
    known = {name: value for name, value in stack.environment().items() if name.startswith("ORDEROPS_")}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **known, **hooks}
    )
    if done.returncode not in {0, 1}:
        console.print(done.stdout[-3000:], done.stderr[-3000:], markup=False)
        raise SystemExit(done.returncode)
    return findings(report)


def _figures(stack: Stack, found: Sequence[Finding], *, quick: bool) -> dict[str, Any]:
    by_status, of_webhooks = _answers(stack)
    by_check: dict[str, int] = {}
    for finding in found:
        by_check[finding.check] = by_check.get(finding.check, 0) + 1
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "requests": sum(by_status.values()),
        "server_errors": sum(number for status, number in by_status.items() if status.startswith("5")),
        "undocumented": by_check.get("status_code_conformance", 0),
        "behind_signatures": sum(of_webhooks.get(status, 0) for status in ("200", "400", "422")),
        "webhooks_by_status": dict(sorted(of_webhooks.items())),
        "answers_by_status": dict(sorted(by_status.items())),
        "findings_by_check": by_check,
    }


def _answers(stack: Stack) -> tuple[dict[str, int], dict[str, int]]:
    """Status → answers, of all and of webhooks, as the api itself counted them."""
    headers = {"Authorization": f"Bearer {_token(stack)}"}
    text = httpx.get(f"{stack.api_url}/metrics", headers=headers, timeout=30).text
    counted: dict[str, int] = {}
    of_webhooks: dict[str, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "orderops_http_request_duration_seconds_count":
                status = sample.labels["status"]
                counted[status] = counted.get(status, 0) + int(sample.value)
                if sample.labels["route"].startswith("/webhooks/"):
                    of_webhooks[status] = of_webhooks.get(status, 0) + int(sample.value)
    return counted, of_webhooks


def _token(stack: Stack) -> str:
    return stack.environment()["ORDEROPS_API_TOKENS"].split(",")[0]


if __name__ == "__main__":
    app()
