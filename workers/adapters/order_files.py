"""Orders from files: Shopify orders as JSON lines, or a folder with the Olist tables."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from workers.adapters import olist
from workers.runtime.errors import UserError


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Shopify orders from a file of JSON lines or a folder of Olist tables. Raises UserError for anything else."""
    if path.is_dir():
        return olist.read_orders(path)
    return read_jsonl(path)


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """One order per line, empty lines skipped. Raises UserError naming the line that is none."""
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _order(path, number, line)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}.", hint="Give a file of Shopify orders."
        ) from None


def _order(path: Path, number: int, line: bytes) -> dict[str, Any]:
    hint = "Each line is one order as Shopify's webhook posts it; docs/samples/orders.jsonl shows some."
    try:
        order = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UserError(f"Line {number} of {path} is no JSON: {error.msg}.", hint=hint) from None
    if not isinstance(order, dict) or "id" not in order or not isinstance(order.get("line_items"), list):
        raise UserError(f"Line {number} of {path} is no order: it has no id or no line_items.", hint=hint)
    return order
