"""The address checks measured against real data; prints the figures and holds the floors that were reached."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workers.adapters.address_facts import address_facts
from workers.ports.addresses import AddressFacts
from workers.ports.values import Address

FIELDS = {"ADMIN_AREA": "region", "LOCALITY": "city", "STREET_ADDRESS": "street", "POSTAL_CODE": "postcode"}


def _facts(country: str, street: str = "Street 1", region: str = "", postcode: str = "") -> AddressFacts:
    return address_facts(Address("A. Example", street, "", "City", region, postcode, country))


def _report(what: str, good: int, total: int) -> None:
    print(f"\n{what}: {good} of {total} ({good / total:.1%})")  # noqa: T201  the figures are the point


def _problems(facts: AddressFacts) -> set[tuple[str, str]]:
    return {
        *((field, "MISSING_REQUIRED_FIELD") for field in facts.missing),
        *((field, "INVALID_FORMAT") for field in facts.malformed),
        *((field, "MISMATCHING_VALUE") for field in facts.mismatched),
    }


def _as_google_says(case: dict[str, Any]) -> bool:
    """Whether the same problems are found; a case with a note lists a part of them only."""
    given = case["address"]
    address = Address(
        "A. Example",
        " ".join(given.get("address_line", [])),
        "",
        given.get("locality", ""),
        given.get("administrative_area", ""),
        given.get("postal_code", ""),
        given["region_code"],
    )
    expected = {
        (FIELDS[problem["field"]], problem["problem"])
        for problem in case["expected_problems"]
        if problem["problem"] != "UNSUPPORTED_FIELD"
    }
    found = _problems(address_facts(address))
    return expected <= found if case["note"] else expected == found


def test_googles_validator_cases(data: Path) -> None:
    cases = json.loads((data / "addresses" / "google_validator_cases.json").read_text())
    good = sum(map(_as_google_says, cases))
    _report("Google's validator cases", good, len(cases))
    assert good == len(cases)


def _countries(data: Path, depth: int) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Google's rules of countries (depth 2) or their regions (depth 3), with their example postcodes."""
    for line in (data / "addresses" / "google_countryinfo.txt").read_text().splitlines():
        key, _, text = line.partition("=")
        path = key.split("/")
        if len(path) == depth and "--" not in key and "zipex" in (rules := json.loads(text)):
            yield path, rules


def _examples(rules: dict[str, str]) -> list[str]:
    return re.split("[,:]", rules["zipex"])


def test_every_example_postcode_passes_its_country(data: Path) -> None:
    good = total = 0
    for (_, country), rules in _countries(data, 2):
        for postcode in _examples(rules):
            if re.fullmatch(
                rules.get("zip", ".*"), postcode
            ):  # three are misprints that Google's own rule refuses
                total += 1
                good += "postcode" not in _facts(country, postcode=postcode).malformed
    _report("Example postcodes accepted", good, total)
    assert good == total


def test_spoilt_postcodes_fail_their_country(data: Path) -> None:
    """Those that pass are of countries whose postcodes got longer or shorter since that list was made."""
    good = total = 0
    for (_, country), rules in _countries(data, 2):
        for postcode in _examples(rules):
            for spoilt in _spoilt(postcode):
                if "zip" in rules and not re.fullmatch(rules["zip"], spoilt):
                    total += 1
                    good += "postcode" in _facts(country, postcode=spoilt).malformed
    _report("Spoilt postcodes refused", good, total)
    assert good / total > 0.985


def _spoilt(postcode: str) -> Iterator[str]:
    yield from (postcode + "9", postcode[:-1], postcode + "X", "X" + postcode, postcode[1:], postcode + " 99")
    yield from ("123", "ABCDE", "1", "???", re.sub(r"\d", "A", postcode))


def test_example_postcodes_belong_to_their_regions(data: Path) -> None:
    good = total = 0
    for (_, country, region), rules in _countries(data, 3):
        for postcode in _examples(rules):
            facts = _facts(country, region=region, postcode=postcode)
            total += 1
            good += not facts.malformed and not facts.mismatched
    _report("Example postcodes in their regions", good, total)
    assert good / total > 0.995


def test_real_addresses_raise_no_false_alarm(data: Path) -> None:
    """Messy addresses from all over, with the parts that people found in them."""
    with (data / "addresses" / "libpostal_parse_cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    boxes = postcodes = accepted = 0
    for row in rows:
        parts = {part["label"]: part["value"] for part in json.loads(row["components_json"])}
        country = row["country_test"].split("_")[1].upper().replace("DA", "DK")
        facts = _facts(country, row["address"], parts.get("state", ""), parts.get("postcode", ""))
        boxes += facts.po_box and "po_box" not in parts
        if "postcode" in parts:
            postcodes += 1
            accepted += not facts.malformed and not facts.mismatched
    _report("Real postcodes accepted", accepted, postcodes)
    _report("Real addresses without a false PO box", len(rows) - boxes, len(rows))
    assert accepted == postcodes
    assert boxes == 0


def test_a_carriers_verdicts(data: Path) -> None:
    """What the carrier verified has nothing wrong; what it could not find has."""
    good = total = 0
    for path in sorted((data / "addresses" / "easypost").glob("*.json")):
        answer = json.loads(path.read_text())["response"]
        given = answer.get("address", answer)
        if not isinstance(given, dict) or "street1" not in given:
            continue
        keys = ("name", "street1", "street2", "city", "state", "zip", "country")
        facts = address_facts(Address(*(given[key] or "" for key in keys)))
        wrong = bool(set(facts.missing) - {"name"} or facts.malformed or facts.mismatched)
        total += 1
        good += wrong != given["street1"].lower().startswith("388 townsend st")  # the one that was verified
    _report("A carrier's verdicts", good, total)
    assert good == total


def test_real_cities_states_and_postcodes_agree(data: Path) -> None:
    """Real Brazilian customers: state and postcode come from the post, so hardly any may be called wrong."""
    with (data / "olist" / "olist_customers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    good = 0
    for row in rows:
        postcode = f"{row['customer_zip_code_prefix'].zfill(5)}-000"
        facts = _facts("BR", region=row["customer_state"], postcode=postcode)
        good += not facts.malformed and not facts.mismatched
    _report("Brazilian customers accepted", good, len(rows))
    assert good / len(rows) > 0.995
