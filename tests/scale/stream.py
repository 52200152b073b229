"""The record stream of many orders, made of what the engine once sent for two of them, with new keys and times.

`recorded/plain.jsonl` is an order that is supplied at once, `recorded/corrected.jsonl` one whose address an agent
corrects; `recorded/deployed.jsonl` is what was deployed, with the files' names instead of the files.
"""

import base64
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import orjson

RECORDED = Path(__file__).parent / "recorded"
ROOT = Path(__file__).parents[2]
CORRECTED_OF = 10
"""One order in so many goes the way of the corrected address."""
AT_ONCE = 32
"""Orders under way at the same time: their records take turns."""
_KEY_BITS = 51
"""The engine's keys have the partition above these."""
_KEY = re.compile(r"(?<![\d.])2251799813\d{6}(?![\d.])")
_ACTION = '{"index":{"_index":"zeebe-record","_id":"%d-%d"}}\n'


class Template:
    """Records of one order, to be filled in with others' keys."""

    def __init__(self, name: str, deployed: frozenset[int]) -> None:
        text = (RECORDED / f"{name}.jsonl").read_text()
        records = [orjson.loads(line) for line in text.splitlines()]
        order = next(r["value"]["correlationKey"] for r in records if "startEventId" in r["value"])
        keys = {int(key) for key in _KEY.findall(text)} - deployed
        self.first, self.span = min(keys), max(keys) - min(keys) + 1
        self.lines = [self._line(record, order, deployed) for record in records]

    def _line(self, record: dict[str, Any], order: str, deployed: frozenset[int]) -> str:
        def key(found: re.Match[str]) -> str:
            number = int(found[0])
            return found[0] if number in deployed else f"%(key_{number - self.first})d"

        line = (
            orjson.dumps({**record, "position": 0, "timestamp": 0, "partitionId": 0}).decode().replace("%", "%%")
        )
        line = _KEY.sub(key, line.replace(order, "%(order)s"))
        for name, field in (("position", "position"), ("timestamp", "timestamp"), ("partitionId", "partition")):
            line = line.replace(f'"{name}":0', f'"{name}":%({field})d', 1)
        return line


class Stream:
    """Records of one partition in their order, as the exporter would send them. Never the same twice."""

    def __init__(self, partition: int = 1, first_order: int = 5_000_000_000_000) -> None:
        self.partition = partition
        self._positions = count(1)
        self._orders = count(first_order)
        self._instances = count(1_000)
        self._deployed = [orjson.loads(line) for line in (RECORDED / "deployed.jsonl").read_text().splitlines()]
        keys = frozenset(record["key"] for record in self._deployed)
        self._templates = Template("plain", keys), Template("corrected", keys)
        self._span = max(template.span for template in self._templates)

    def deployed(self) -> Iterator[bytes]:
        """What was deployed; comes before every order."""
        for record in self._deployed:
            resource = base64.b64encode((ROOT / record["value"]["resource"]).read_bytes()).decode()
            yield self._sent(
                orjson.dumps(
                    record
                    | {
                        "position": 0,
                        "partitionId": self.partition,
                        "value": record["value"] | {"resource": resource},
                    }
                )
                .decode()
                .replace("%", "%%")
                .replace('"position":0', '"position":%(position)d', 1),
                {},
            )

    def orders(self, number: int) -> Iterator[bytes]:
        """All records of so many orders."""
        waiting = (self._order() for _ in range(number))
        under_way = list(islice(waiting, AT_ONCE))
        while under_way:
            for order in list(under_way):
                line = next(order, None)
                if line is not None:
                    yield line
                    continue
                under_way.remove(order)
                under_way.extend(islice(waiting, 1))

    def without_end(self) -> Iterator[bytes]:
        """What was deployed, and orders."""
        yield from self.deployed()
        yield from self.orders(sys.maxsize)

    def _order(self) -> Iterator[bytes]:
        number = next(self._orders)
        template = self._templates[number % CORRECTED_OF == 0]
        first = (self.partition << _KEY_BITS) + next(self._instances) * self._span
        values: dict[str, Any] = {f"key_{n}": first + n for n in range(template.span)}
        values["order"] = number
        for line in template.lines:
            yield self._sent(line, values)

    def _sent(self, line: str, values: dict[str, Any]) -> bytes:
        position = next(self._positions)
        now = int(time.time() * 1000)
        more = {"position": position, "timestamp": now, "partition": self.partition}
        return (_ACTION % (self.partition, position) + line % (values | more) + "\n").encode()


def batches(lines: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Bodies of requests, of so many records each."""
    rest = iter(lines)
    while batch := list(islice(rest, size)):
        yield b"".join(batch)


def records_in(lines: Iterable[bytes]) -> Sequence[dict[str, Any]]:
    """The records alone."""
    return [orjson.loads(line.splitlines()[1]) for line in lines]
