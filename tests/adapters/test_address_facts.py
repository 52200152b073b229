"""What can be said of an address."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.samples import ADDRESS
from workers.adapters.address_facts import PostalAddresses, address_facts
from workers.ports.values import Address

US = Address("A. Example", "5 Elm St", "", "Springfield", "IL", "62704", "US")


def test_a_good_address_has_nothing_wrong() -> None:
    facts = PostalAddresses().facts(ADDRESS)
    assert facts.missing == facts.malformed == facts.mismatched == ()
    assert (facts.country, facts.region, facts.postcode, facts.po_box) == ("DE", "", "10115", False)


def test_an_empty_address_lacks_everything_we_can_tell() -> None:
    facts = address_facts(Address("", "", "", "", "", "", ""))
    assert facts.missing == ("name", "street", "city", "country")
    assert facts.malformed == facts.mismatched == ()


@pytest.mark.parametrize(
    ("country", "missing"),
    [
        ("US", ("street", "city", "region", "postcode")),
        ("DE", ("street", "city", "postcode")),
        ("IE", ("street", "city")),
        ("SG", ("street", "postcode")),
        ("HK", ("street", "region")),
    ],
)
def test_each_country_needs_its_own_fields(country: str, missing: tuple[str, ...]) -> None:
    assert address_facts(Address("A", "", "", "", "", "", country)).missing == missing


@pytest.mark.parametrize("mark", ["-", ".", " ", "--"])
def test_a_mark_stands_for_nothing(mark: str) -> None:
    facts = address_facts(replace(US, street=mark, city=mark, region=mark, postcode=mark))
    assert facts.missing == ("street", "city", "region", "postcode")
    assert facts.malformed == ()


def test_a_street_may_stand_in_the_second_line() -> None:
    assert address_facts(replace(US, street="", street2="5 Elm St")).missing == ()


@pytest.mark.parametrize(
    ("country", "written", "postcode"),
    [
        ("GB", "sw1a1aa", "SW1A1AA"),
        ("GB", "  ec2a   4rh ", "EC2A 4RH"),
        ("CA", "k1a-0b1", "K1A0B1"),
        ("NL", "1012ab", "1012AB"),
        ("BR", "01310 100", "01310100"),
        ("PT", "1050 123", "1050-123"),
        ("PL", "00950", "00-950"),
        ("JP", "〒１５０-０００１", "150-0001"),
        ("SE", "SE-114 55", "11455"),
        ("DE", "D-10115", "10115"),
        ("CH", "CH-8002", "8002"),
        ("LV", "1010", "LV-1010"),
        ("US", "62704-1234", "62704-1234"),
    ],
)
def test_a_postcode_may_be_written_in_several_ways(country: str, written: str, postcode: str) -> None:
    facts = address_facts(replace(ADDRESS, country=country, postcode=written))
    assert "postcode" not in facts.malformed
    assert facts.postcode == postcode


@pytest.mark.parametrize(
    ("country", "written"),
    [
        ("US", "1234"),
        ("US", "A12345"),
        ("DE", "1011"),
        ("DE", "D-1011"),
        ("GB", "12345"),
        ("BR", "013101"),
        ("CA", "D1A 0B1"),
    ],
)
def test_a_postcode_no_place_in_the_country_has_is_malformed(country: str, written: str) -> None:
    assert "postcode" in address_facts(replace(ADDRESS, country=country, postcode=written)).malformed


def test_where_there_are_no_postcodes_none_is_wrong() -> None:
    assert address_facts(replace(ADDRESS, country="HK", region="Kowloon", postcode="999077")).malformed == ()


@pytest.mark.parametrize("region", ["IL", "il", "Illinois", "ILLINOIS", "I.L."])
def test_a_region_goes_by_code_and_name(region: str) -> None:
    facts = address_facts(replace(US, region=region))
    assert facts.region == "IL"
    assert facts.malformed == ()


@pytest.mark.parametrize(
    ("country", "region", "postcode"),
    [
        ("CA", "Nouveau-Brunswick", "E2L 4Z6"),
        ("JP", "Tokushima", "770-0847"),
        ("JP", "JP-36", "770-0847"),
        ("BR", "sao paulo", "19063-008"),
        ("ES", "Vizcaya", "48001"),
    ],
)
def test_regions_are_known_in_their_languages(country: str, region: str, postcode: str) -> None:
    facts = address_facts(replace(ADDRESS, country=country, region=region, postcode=postcode))
    assert facts.region != region
    assert facts.malformed == facts.mismatched == ()


def test_a_region_without_such_a_code_is_malformed() -> None:
    assert address_facts(replace(US, region="XX")).malformed == ("region",)


def test_a_region_spelled_freely_is_left_alone() -> None:
    address = replace(ADDRESS, country="CN", region="Somewhere", postcode="100000")
    assert address_facts(address).malformed == ()


def test_a_postcode_of_another_region_is_mismatched() -> None:
    facts = address_facts(replace(US, postcode="94043"))
    assert facts.malformed == ()
    assert facts.mismatched == ("postcode",)


@pytest.mark.parametrize(
    ("written", "code"), [("de", "DE"), ("UK", "GB"), ("united kingdom", "GB"), (" Germany ", "DE")]
)
def test_a_country_goes_by_code_and_english_name(written: str, code: str) -> None:
    assert address_facts(replace(ADDRESS, country=written)).country == code


@pytest.mark.parametrize("written", ["ZZ", "Atlantis", "XQ", "../etc"])
def test_a_country_there_is_none_of_is_malformed(written: str) -> None:
    facts = address_facts(replace(ADDRESS, country=written))
    assert facts.country == written
    assert facts.malformed == ("country",)


@pytest.mark.parametrize(("postcode", "missing"), [(":´", False), ("〒--", True), ("〒", True)])
def test_a_postcode_is_missing_or_malformed_never_both(postcode: str, missing: bool) -> None:
    """Ordinary forms of its characters may be longer or shorter than what was written."""
    facts = address_facts(replace(US, postcode=postcode))
    assert (facts.missing, facts.malformed) == ((("postcode",), ()) if missing else ((), ("postcode",)))


@given(st.builds(Address, *[st.text(max_size=40)] * 6, st.sampled_from(["US", "GB", "JP", "BR", "", "x", "XX"])))
def test_nothing_a_customer_writes_raises(address: Address) -> None:
    facts = address_facts(address)
    assert facts == address_facts(address)
    assert not set(facts.missing) & set(facts.malformed)
