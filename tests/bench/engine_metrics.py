"""What the broker says of itself: how many records of which kind it has written."""

import re
import time
from collections import Counter

import httpx

from workers.runtime.errors import UserError

_APPENDED = re.compile(
    r"^zeebe_log_appender_record_appended_total\{.*"
    r'recordType="(\w+)",valueType="(\w+)",intent="(\w+)".*\} (\S+)$',
    re.MULTILINE,
)


def records_written(management_url: str) -> Counter[str]:
    """Records written since the broker started, by type and intent."""
    text = httpx.get(f"{management_url}/actuator/prometheus", timeout=10).text
    written: Counter[str] = Counter()
    for record_type, value_type, intent, count in _APPENDED.findall(text):
        written[f"{record_type.lower()} {value_type.lower()} {intent.lower()}"] += int(float(count))
    return written


def export_records(management_url: str, *, on: bool) -> None:
    """Let the broker send its records to our api, or not; while it does not, none are kept for later."""
    way, wanted = ("enable", "ENABLED") if on else ("disable", "DISABLED")
    httpx.post(f"{management_url}/actuator/exporters/records/{way}", timeout=10).raise_for_status()
    for _ in range(100):
        exporters = httpx.get(f"{management_url}/actuator/exporters", timeout=10).json()
        if all(exporter["status"] == wanted for exporter in exporters):
            return
        time.sleep(0.1)
    raise UserError(f"The engine did not {way} its exporter within 10 s.", hint="Run it again.")
