import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.api.conftest import (
    OLD_SECRET,
    Post,
    assert_problem,
    inbox_rows,
    inbox_size,
    new_order_id,
    order,
    sign,
)
from workers.casefile.db import Database


async def test_paid_order_is_stored_before_it_is_answered(post_webhook: Post, database: Database) -> None:
    """What the engine gets is the order's id and, for Tasklist, where its case page is."""
    order_id = new_order_id()
    answer = await post_webhook(order(order_id))
    assert answer.status_code == 200
    [row] = await inbox_rows(database, str(order_id))
    assert answer.json() == {"inbox_id": row.id, "duplicate": False}
    assert (row.process, row.message_name, row.source) == ("fulfillment", "order_paid", "shopify")
    assert row.variables == {
        "shopify_order_id": str(order_id),
        "case_url": f"http://testserver/ui/cases/{order_id}",
    }
    assert row.trace_id == answer.headers["x-trace-id"]


@pytest.mark.parametrize(
    "file", ["payloads/shopify/derived.orders_paid.webhook_body.json", "payloads/shopify_go/order.json"]
)
async def test_real_payloads_are_accepted_whole(file: str, data: Path, post_webhook: Post) -> None:
    """Old and new shape; one of them is wrapped as the Admin API has it, a webhook posts it bare."""
    value = orjson.loads((data / file).read_bytes())
    answer = await post_webhook({**value.get("order", value), "id": new_order_id()})
    assert answer.status_code == 200, answer.text


async def test_a_wrapped_order_is_refused(post_webhook: Post) -> None:
    problem = assert_problem(await post_webhook({"order": order(new_order_id())}), 422, "invalid")
    assert {"pointer": "#/id", "message": "Field required"} in problem["errors"]


async def test_twenty_deliveries_at_once_make_one_row(post_webhook: Post, database: Database) -> None:
    """The shop repeats what is answered 503, as it may be on a machine so busy that a second goes by."""
    order_id, busy = new_order_id(), 0

    async def deliver() -> httpx.Response:
        nonlocal busy
        while (answer := await post_webhook(order(order_id))).status_code == 503:
            busy += 1
        return answer

    answers = await asyncio.gather(*(deliver() for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(not answer.json()["duplicate"] for answer in answers) <= 1
    [row] = await inbox_rows(database, str(order_id))
    assert row.deliveries == 20 or busy


async def test_fresh_delivery_id_and_changed_body_are_still_the_same_order(
    post_webhook: Post, database: Database
) -> None:
    """Delivery ids are not signed, and Shopify repeats with a newer state of the order."""
    order_id = new_order_id()
    await post_webhook(order(order_id), X_Shopify_Webhook_Id="one")
    answer = await post_webhook(order(order_id, note="changed"), X_Shopify_Webhook_Id="two")
    assert answer.json()["duplicate"] is True
    assert len(await inbox_rows(database, str(order_id))) == 1


async def test_both_secrets_are_valid_during_a_rotation(post_webhook: Post) -> None:
    body = orjson.dumps(order(new_order_id()))
    assert (await post_webhook(body, signature=sign(body, OLD_SECRET))).status_code == 200


@pytest.mark.parametrize("signature", ["", "bm9wZQ==", "not base64 \u00e9", sign(b"another body"), "retired"])
async def test_missing_or_bad_signature_writes_nothing(
    signature: str, post_webhook: Post, database: Database
) -> None:
    before = await inbox_size(database)
    body = orjson.dumps(order(new_order_id()))
    sent = sign(body, "retired-secret") if signature == "retired" else signature or " "
    answer = await post_webhook(body, signature=sent)
    assert_problem(answer, 401, "bad-signature")
    assert await inbox_size(database) == before


async def test_known_signature_vector_fits(data: Path) -> None:
    """Computed once by other means, over a file's raw bytes."""
    vectors = orjson.loads((data / "payloads/signature_vectors.json").read_bytes())
    [vector] = [each for each in vectors if each["scheme"].startswith("shopify")]
    assert sign((data / "payloads/shopify/order.json").read_bytes(), vector["secret"]) == vector["header"]


@pytest.mark.parametrize("topic", ["orders-cancelled", "orders-updated"])
async def test_cancelled_order_becomes_a_cancellation(topic: str, post_webhook: Post, database: Database) -> None:
    order_id = new_order_id()
    await post_webhook(order(order_id, cancelled_at="2026-01-05T10:00:00+01:00"), topic=topic)
    rows = await inbox_rows(database, str(order_id))
    assert [(row.process, row.dedupe_key) for row in rows] == [
        ("fulfillment", f"order_cancelled:{order_id}"),
        ("tracking", f"delivery_cancelled:{order_id}:0"),
    ]


async def test_a_cancellation_told_again_is_the_same_for_both_processes(
    post_webhook: Post, database: Database
) -> None:
    order_id = new_order_id()
    cancelled = order(order_id, cancelled_at="2026-01-05T10:00:00+01:00")
    for topic in ("orders-cancelled", "orders-updated"):
        answer = await post_webhook(cancelled, topic=topic)
    rows = await inbox_rows(database, str(order_id))
    assert answer.json() == {"inbox_id": rows[0].id, "duplicate": True}
    assert [row.deliveries for row in rows] == [2, 2]


@pytest.mark.parametrize(
    ("status", "rows"), [("refunded", 2), ("voided", 2), ("partially_refunded", 0), ("paid", 0), (None, 0)]
)
async def test_only_a_full_refund_is_a_cancellation(
    status: str | None, rows: int, post_webhook: Post, database: Database
) -> None:
    order_id = new_order_id()
    answer = await post_webhook(order(order_id, financial_status=status), topic="orders-updated")
    assert answer.status_code == 200
    assert len(await inbox_rows(database, str(order_id))) == rows
    assert (answer.json()["inbox_id"] is None) == (rows == 0)


@pytest.mark.parametrize("topic", ["orders-cancelled", "orders-updated"])
async def test_a_paid_orders_signed_body_under_another_topic_cancels_nothing(
    topic: str, post_webhook: Post, database: Database
) -> None:
    """Whoever has caught a body and its signature may post it anywhere."""
    order_id = new_order_id()
    body = orjson.dumps(order(order_id))
    await post_webhook(body, signature=sign(body))
    answer = await post_webhook(body, topic=topic, signature=sign(body))
    assert (answer.status_code, answer.json()) == (200, {"inbox_id": None, "duplicate": False})
    assert [row.message_name for row in await inbox_rows(database, str(order_id))] == ["order_paid"]


@pytest.mark.parametrize("topic", ["refunds-create", "orders-delete", "orders-paid%2F", "orders_paid"])
async def test_other_topics_are_not_found(topic: str, post_webhook: Post) -> None:
    assert_problem(await post_webhook(order(1), topic=topic), 404, "not-found")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"id": 0}, "#/id"),
        ({"id": -5}, "#/id"),
        ({"id": "450789469"}, "#/id"),
        ({"id": True}, "#/id"),
        ({"id": 1.5}, "#/id"),
        ({"currency": "eur"}, "#/currency"),
        ({"currency": "EURO"}, "#/currency"),
        ({"currency": "EUR\n"}, "#/currency"),
        ({"currency": None}, "#/currency"),
        ({"total_price": "-1.00"}, "#/total_price"),
        ({"total_price": -1}, "#/total_price"),
        ({"total_price": "1e3"}, "#/total_price"),
        ({"total_price": "NaN"}, "#/total_price"),
        ({"total_price": "\u0661\u0662"}, "#/total_price"),
        ({"total_price": ""}, "#/total_price"),
        ({"total_price": "54.905"}, "#"),
        ({"total_price": "54.900"}, "#"),
        ({"total_price": 54.905}, "#"),
        ({"currency": "JPY", "total_price": "100.50"}, "#"),
        ({"cancelled_at": "yesterday"}, "#/cancelled_at"),
    ],
)
async def test_values_that_cannot_be_are_refused(
    changes: dict[str, Any], pointer: str, post_webhook: Post
) -> None:
    """And the answer does not repeat them."""
    problem = assert_problem(await post_webhook(order(new_order_id()) | changes), 422, "invalid")
    assert pointer in {error["pointer"] for error in problem["errors"]}
    assert "54.905" not in str(problem)


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "JPY", "total_price": "100"},
        {"currency": "JPY", "total_price": "100.00"},
        {"currency": "BHD", "total_price": "1.234"},
        {"total_price": 54.9},
        {"total_price": "0.00"},
        {"id": 2**63 - 1},
    ],
)
async def test_unusual_values_that_can_be_are_accepted(changes: dict[str, Any], post_webhook: Post) -> None:
    assert (await post_webhook(order(new_order_id()) | changes)).status_code == 200


async def test_without_secrets_nothing_is_accepted(
    post_webhook: Post, app: Any, settings: Any, assembled: Any, database: Database
) -> None:
    app.state.assembled = replace(assembled, settings=settings.model_copy(update={"shopify_secrets": ()}))
    order_id = new_order_id()
    body = orjson.dumps(order(order_id))
    assert_problem(await post_webhook(body, signature=sign(body, "")), 503, "unavailable")
    assert await inbox_rows(database, str(order_id)) == []


async def test_without_a_tasklist_an_instance_brings_no_more_than_the_order(
    post_webhook: Post, app: Any, settings: Any, assembled: Any, database: Database
) -> None:
    app.state.assembled = replace(assembled, settings=settings.model_copy(update={"tasklist_url": None}))
    order_id = new_order_id()
    assert (await post_webhook(order(order_id))).status_code == 200
    [row] = await inbox_rows(database, str(order_id))
    assert row.variables == {"shopify_order_id": str(order_id)}
