"""JSON as strictly as possible: what two readers could take differently, or no database can hold, is refused."""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from api.errors import Problem, pointer

MAX_DEPTH = 64
INT64 = range(-(2**63), 2**63)

Check = Callable[[str, tuple[str | int, ...]], None]

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def parse(body: bytes, *, mend: bool = False) -> Any:
    """The value of a JSON text.

    400 for what is not JSON, NaN and infinity, numbers beyond 64 bits, duplicate keys, and nesting deeper than 64;
    422 for NUL and lone surrogates, which are JSON but no text; with `mend` they are replaced instead.
    """
    try:
        value = json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except UnicodeDecodeError:
        raise Problem("bad-json", "The body is not valid UTF-8.") from None
    except json.JSONDecodeError as error:
        raise Problem("bad-json", f"Not JSON: line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise _too_deep() from None
    _check_strings_and_depth(value, _let_through if mend else check_text)
    return _mended(value) if mend else value


def glance(body: bytes) -> Any:
    """The value of a JSON text whose sender is not known yet: to find a signature in it, and for nothing else.

    400 for what is not JSON. `parse` costs fifty times as much.
    """
    try:
        return json.loads(body)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise Problem("bad-json", "The body is not JSON.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Problem("bad-json", "An object has the same key twice.")
    return value


def _constant(_name: str) -> NoReturn:
    raise Problem("bad-json", "NaN and infinity are not JSON.")


def _integer(digits: str) -> int:
    value = int(digits) if len(digits) <= 20 else None
    if value is None or value not in INT64:
        raise Problem("bad-json", "An integer is beyond 64 bits.")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise Problem("bad-json", "A number is beyond what a double can hold.")
    return value


def _too_deep() -> Problem:
    return Problem("bad-json", f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check_strings_and_depth(value: Any, check: Check) -> None:
    waiting: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while waiting:
        item, path = waiting.pop()
        if isinstance(item, str):
            check(item, path)
        elif isinstance(item, (dict, list)):
            if len(path) >= MAX_DEPTH:
                raise _too_deep()
            waiting.extend((child, (*path, key)) for key, child in _children(item, path, check))


def _children(
    item: dict[str, Any] | list[Any], path: tuple[str | int, ...], check: Check
) -> Iterator[tuple[str | int, Any]]:
    if isinstance(item, list):
        yield from enumerate(item)
        return
    for key, child in item.items():
        check(key, path)
        yield key, child


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _NO_TEXT.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(each) for each in value]
    return {_mended(key): _mended(each) for key, each in value.items()} if isinstance(value, dict) else value


def _let_through(_text: str, _path: tuple[str | int, ...]) -> None:
    """Any text will do."""


def check_text(text: str, path: tuple[str | int, ...]) -> None:
    """422 for what no database and no page can hold."""
    if _NO_TEXT.search(text):
        message = "contains NUL or half a surrogate pair"
        raise Problem("invalid", f"A text {message}.", errors=[{"pointer": pointer(path), "message": message}])
