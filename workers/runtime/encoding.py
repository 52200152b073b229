"""From a handler's result to the engine's JSON. What it cannot hold is refused, in words for an operator."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from math import isfinite
from typing import Any

import orjson

MAX_BYTES = 1024 * 1024
"""The engine writes a result twice in one batch of at most 4 MB: 2.05 MB were accepted, 2.2 MB never were."""

NOTHING = b"{}"
INT64 = range(-(2**63), 2**63)


class UnencodableError(Exception):
    """The result cannot become variables; the message names the place and the type, never the value."""


def encode(result: object) -> bytes:
    """A frozen dataclass (or mapping) as a JSON object, None as an empty one. Raises UnencodableError."""
    if result is None:
        return NOTHING
    if not (is_dataclass(result) or isinstance(result, Mapping)) or isinstance(result, type):
        raise UnencodableError(f"the result is a {type(result).__name__}, expected a dataclass")
    try:
        encoded = orjson.dumps(_plain(result, "result"))
    except RecursionError:
        raise UnencodableError("the result contains itself or is nested too deeply") from None
    except orjson.JSONEncodeError as error:
        raise UnencodableError(f"the result is not JSON ({error})") from None
    if len(encoded) > MAX_BYTES:
        raise UnencodableError(f"the result has {len(encoded):,} bytes, at most {MAX_BYTES:,} are possible")
    return encoded


def _plain(value: Any, place: str) -> Any:
    """The value in JSON's own types. Money as Decimal, dates and floats without a value are somebody's mistake."""
    match value:
        case Enum():
            return _plain(value.value, place)
        case None | str() | bool() | int() | float() if _holdable(value):
            return value
        case list() | tuple():
            return [_plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
        case Mapping():
            return {_key(key, place): _plain(item, f"{place}[…]") for key, item in value.items()}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {each.name: _plain(getattr(value, each.name), f"{place}.{each.name}") for each in fields(value)}
    raise UnencodableError(f"{place} is a {type(value).__name__} that variables cannot hold")


def _holdable(value: str | float | None) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or value in INT64


def _key(key: object, place: str) -> str:
    if isinstance(key, str):
        return key
    raise UnencodableError(f"{place} has a {type(key).__name__} as a key")
