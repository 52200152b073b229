"""What the broker says of itself: how many records of which kind it has written."""

import re
from collections import Counter

import httpx

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
    way = "enable" if on else "disable"
    httpx.post(f"{management_url}/actuator/exporters/records/{way}", timeout=10).raise_for_status()
