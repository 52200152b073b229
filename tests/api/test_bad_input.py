"""Bodies that are too large, too slow, no JSON, or JSON that no database can hold."""

import asyncio
import contextlib
import time

import httpx
import pytest

from api import body, server
from tests.api.conftest import Post, assert_problem, new_order_id, order, sign

JSON = {"Content-Type": "application/json"}
WEBHOOK = "/webhooks/shopify/orders-paid"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[1,]",
        b"{} {}",
        b"NaN",
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 9223372036854775808}',
        b'{"a": -9223372036854775809}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"id": 1, "id": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b"[" * 65 + b"]" * 65,
        b"[" * 20_000 + b"]" * 20_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
    ],
    ids=lambda text: repr(text[:24]),
)
async def test_what_is_not_proper_json_is_a_bad_request(text: bytes, post_webhook: Post) -> None:
    assert_problem(await post_webhook(text), 400, "bad-json")


@pytest.mark.parametrize(
    "text",
    [
        rb'{"a": "\u0000"}',
        rb'{"a": ["\ud800"]}',
        rb'{"\udc00": 1}',
        rb'{"a": {"b": "x\udfffy"}}',
        rb'{"a\u0000": 1}',
    ],
)
async def test_nul_and_lone_surrogates_are_no_text(text: bytes, post_webhook: Post) -> None:
    assert_problem(await post_webhook(text), 422, "invalid")


async def test_surrogate_pairs_are_text(post_webhook: Post) -> None:
    raw = b'{"id": %d, "currency": "EUR", "total_price": "1.00", "note": "\\ud83d\\ude00"}' % new_order_id()
    assert (await post_webhook(raw)).status_code == 200


async def test_64_levels_are_accepted(post_webhook: Post) -> None:
    nested: object = 1
    for _ in range(63):
        nested = [nested]
    assert (await post_webhook(order(new_order_id(), deep=nested))).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": ""},
        JSON | {"Content-Encoding": "gzip"},
        JSON | {"Content-Encoding": "identity, br"},
    ],
)
async def test_other_types_and_encodings_are_refused(headers: dict[str, str], client: httpx.AsyncClient) -> None:
    """A compressed body is not unpacked, so no bomb goes off."""
    answer = await client.post(WEBHOOK, content=b"{}", headers=headers)
    assert_problem(answer, 415, "wrong-type")


async def test_charset_utf_8_may_be_said(post_webhook: Post) -> None:
    answer = await post_webhook(order(new_order_id()), Content_Type='application/json; charset="UTF-8"')
    assert answer.status_code == 200


async def test_exactly_a_megabyte_is_accepted_and_one_byte_more_is_not(post_webhook: Post) -> None:
    raw = b'{"id": %d, "currency": "EUR", "total_price": "1.00", "note": "' % new_order_id()
    raw += b"x" * (body.MEGABYTE - len(raw) - 2) + b'"}'
    assert (await post_webhook(raw)).status_code == 200
    assert_problem(await post_webhook(raw + b" "), 413, "too-large")


async def test_announced_size_is_refused_without_reading(address: tuple[str, int]) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
    answer = await _talk(address, head % WEBHOOK.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


async def test_chunks_without_end_are_refused_as_soon_as_they_are_too_many(address: tuple[str, int]) -> None:
    sent = 0
    reader, writer = await asyncio.open_connection(*address)
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head % WEBHOOK.encode())
    answer = asyncio.create_task(reader.readline())
    while not answer.done():
        if writer.transport.get_write_buffer_size() < body.MEGABYTE:
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            sent += 65536
        await asyncio.sleep(0)
    assert (await answer).startswith(b"HTTP/1.1 413 ")
    assert sent < 30 * body.MEGABYTE
    writer.close()


async def test_a_body_of_several_megabytes_gets_its_answer_too(address: tuple[str, int]) -> None:
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", trust_env=False) as client:
        for _ in range(5):
            answer = await client.post(WEBHOOK, content=b" " * 8 * body.MEGABYTE, headers=JSON)
            assert_problem(answer, 413, "too-large")


async def test_slow_body_is_not_waited_for(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_SECONDS", 0.3)
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    answer = await _talk(address, head % WEBHOOK.encode())
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer


async def test_slow_head_is_not_waited_for(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    assert await _talk(address, b"POST /webhooks/shopify/orders-paid HTTP/1.1\r\nHost:") == b""


@pytest.mark.parametrize("more", [b"POST / HTTP/1.1", b"\r\n" * 8], ids=["a head", "empty lines"])
async def test_a_later_head_is_not_waited_for_either(
    more: bytes, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    request = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
    answered, seconds = await _dribble(address, request, more)
    assert answered.startswith(b"HTTP/1.1 404 ")
    assert seconds < 1.5


async def test_the_rest_of_a_body_is_not_waited_for_once_it_was_answered(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    request = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"
    _, seconds = await _dribble(address, request, b"x" * 16)
    assert seconds < 1.5


async def test_who_sends_heads_in_time_is_served_as_often_as_they_like(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In two parts, for longer in all than one may take."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(5):
        for part in (b"GET /nowhere HTTP/1.1\r\nHo", b"st: x\r\n\r\n"):
            writer.write(part)
            await asyncio.sleep(0.1)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
        await reader.readuntil(b"}")
    writer.close()


async def test_a_head_without_end_is_not_read(address: tuple[str, int]) -> None:
    """Neither many headers nor a long one fill the memory."""
    head = b"POST /webhooks/shopify/orders-paid HTTP/1.1\r\nHost: x\r\nX-Long: "
    _, writer = await asyncio.open_connection(*address)
    sent = 0
    with contextlib.suppress(ConnectionError):
        writer.write(head)
        while sent < 64 * body.MEGABYTE:
            writer.write(b"a" * 65_536)
            await writer.drain()
            sent += 65_536
    assert sent < 16 * body.MEGABYTE
    writer.close()


async def test_one_connection_serves_many_requests(address: tuple[str, int]) -> None:
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", trust_env=False) as client:
        for _ in range(3):
            raw = b'{"id": %d, "currency": "EUR", "total_price": "1.00"}' % new_order_id()
            answer = await client.post(WEBHOOK, content=raw, headers=JSON | {"X-Shopify-Hmac-Sha256": sign(raw)})
            assert answer.status_code == 200
            assert answer.headers.get("connection") != "close"


async def _talk(address: tuple[str, int], sent: bytes) -> bytes:
    """Send raw bytes and read until the server closes the connection."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(sent)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return answer


async def _dribble(address: tuple[str, int], request: bytes, more: bytes) -> tuple[bytes, float]:
    """Send a request, and once it is answered byte by byte: the answer's head, and for how long that went well."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    answered = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    began, rest = time.monotonic(), asyncio.create_task(reader.read())
    with contextlib.suppress(ConnectionError):
        for byte in more:
            if rest.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.2)
    rest.cancel()
    writer.close()
    return answered, time.monotonic() - began
