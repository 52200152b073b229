"""Orders from files: Olist's tables and JSON lines."""

import json
from pathlib import Path

import pytest

from workers.adapters.address_facts import address_facts
from workers.adapters.olist import Skipped, read_jsonl, read_orders
from workers.adapters.shopify_orders import to_order
from workers.ports.values import Money
from workers.runtime.errors import UserError

SAMPLES = Path(__file__).parents[2] / "docs" / "samples" / "orders.jsonl"
ONE, TWO, THREE = "0123456789abcdef" * 2, "f" * 32, "a" * 32
TABLES = {
    "olist_orders.csv": f"""order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at
{ONE},c1,canceled,2018-01-02 10:00:00,2018-01-02 10:05:00
{TWO},c2,delivered,2018-01-03 11:00:00,
{THREE},c9,delivered,2018-01-03 11:00:00,
{"b" * 32},c1,unavailable,2018-01-04 12:00:00,
""",
    "olist_order_items.csv": f"""order_id,order_item_id,product_id,seller_id,price,freight_value
{ONE},1,p1,s,10.1,2.05
{ONE},2,p1,s,10.1,2.05
{ONE},3,p2,s,0.99,0.0
{TWO},1,p3,s,120.0,8
{THREE},1,p3,s,120.0,8
""",
    "olist_customers.csv": """customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state
c1,u1,1310,sao paulo,SP
c2,u2,69900,rio branco,AC
""",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_an_olist_order_becomes_a_paid_shopify_order(folder: Path) -> None:
    body = next(read_orders(folder))
    order = to_order(body)
    assert order.id == str(int("0123456789abc", 16))
    assert ONE in body["note"]
    assert order.total == Money(2_529, "BRL")
    assert [(line.sku, line.quantity, line.unit_price.minor) for line in order.lines] == [
        ("p1", 2, 1_010),
        ("p2", 1, 99),
    ]
    assert body["shipping_lines"][0]["price"] == "4.10"
    assert order.open
    assert order.email.endswith("@example.com")


def test_the_address_is_good_and_the_same_each_time(folder: Path) -> None:
    orders = [to_order(body) for body in read_orders(folder)]
    assert orders == [to_order(body) for body in read_orders(folder)]
    address = orders[0].shipping_address
    assert (address.postcode, address.city, address.region) == ("01310-000", "Sao Paulo", "SP")
    facts = address_facts(address)
    assert facts.missing == facts.malformed == facts.mismatched == ()


def test_orders_without_items_or_customer_are_skipped_and_counted(folder: Path) -> None:
    skipped = Skipped()
    assert len(list(read_orders(folder, skipped))) == 2
    assert (skipped.without_items, skipped.without_customer) == (1, 1)


def test_payments_are_told_where_there_are_some(folder: Path) -> None:
    (folder / "olist_order_payments.csv").write_text(
        f"order_id,payment_type,payment_value\n{ONE},voucher,5\n{ONE},boleto,20.29\n"
    )
    assert [body["payment_gateway_names"] for body in read_orders(folder)] == [["boleto", "voucher"], []]


def test_a_missing_table_is_named(folder: Path) -> None:
    (folder / "olist_customers.csv").unlink()
    with pytest.raises(UserError, match=r"no olist_customers\.csv"):
        list(read_orders(folder))


def test_a_missing_column_is_named(folder: Path) -> None:
    (folder / "olist_order_items.csv").write_text("order_id,product_id,price\n")
    with pytest.raises(UserError, match="lacks the column freight_value"):
        list(read_orders(folder))


def test_a_price_that_is_none_is_named(folder: Path) -> None:
    with (folder / "olist_order_items.csv").open("a") as file:
        file.write(f"{TWO},2,p3,s,cheap,8\n")
    with pytest.raises(UserError, match="“cheap”"):
        list(read_orders(folder))


def test_json_lines_are_read_and_empty_lines_skipped(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_text('{"id": 1, "line_items": []}\n\n{"id": 2, "line_items": []}\n')
    assert [order["id"] for order in read_jsonl(path)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"id": 1, "line_items": []}\n{"id": 2', "Line 2 of .* is no JSON"),
        ("[]\n", "Line 1 of .* is no order"),
        ('{"line_items": []}\n', "Line 1 of .* is no order"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        list(read_jsonl(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        list(read_jsonl(tmp_path / "none.jsonl"))


def test_the_real_tables_give_real_orders(data: Path) -> None:
    skipped, ids = Skipped(), set()
    for body in read_orders(data / "olist", skipped):
        order = to_order(json.loads(json.dumps(body)))
        ids.add(order.id)
        assert order.total.minor > 0
        assert order.lines
        assert order.open
    assert len(ids) > 4_000
    print(f"\nOlist: {len(ids)} orders read, {skipped.without_items} without items skipped")  # noqa: T201  a figure


def test_every_sample_order_can_be_read_and_is_told_by_its_own_id() -> None:
    orders = [to_order(body) for body in read_jsonl(SAMPLES)]
    assert len({order.id for order in orders}) == len(orders) == 24
    assert {order.total.currency for order in orders} >= {"EUR", "USD", "GBP", "BRL", "JPY", "SEK", "KWD"}
    assert all(order.email.endswith(("@example.com", "@example.org")) for order in orders)
    assert sum(not order.open for order in orders) == 1


def test_three_sample_orders_have_a_wrong_address_and_one_a_po_box() -> None:
    facts = [address_facts(to_order(body).shipping_address) for body in read_jsonl(SAMPLES)]
    assert sum(bool(each.missing or each.malformed or each.mismatched) for each in facts) == 3
    assert sum(each.po_box for each in facts) == 1
