"""How many decimals a currency has (ISO 4217), and the way between decimal texts and minor units."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import accumulate, pairwise

from workers.ports.values import Money

_EXPONENTS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
         "XOF", "XPF"),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip


def exponent(currency: str) -> int:
    """Decimals of a currency: 2 but for the few that ISO 4217 says otherwise of."""
    return _EXPONENTS.get(currency, 2)


def to_money(text: str | int | Decimal, currency: str) -> Money:
    """A decimal amount as minor units, half a unit rounded up; ValueError for what is no finite number."""
    try:
        amount = Decimal(text)
    except (InvalidOperation, TypeError):
        raise ValueError("an amount is no number") from None
    if not amount.is_finite():
        raise ValueError("an amount is no number")
    return Money(int(amount.scaleb(exponent(currency)).to_integral_value(ROUND_HALF_UP)), currency)


def to_decimal(money: Money) -> Decimal:
    """Minor units as a decimal amount with the currency's decimals, for instance 1250 EUR -> 12.50."""
    return Decimal(money.minor).scaleb(-exponent(money.currency))


def describe(money: Money) -> str:
    """For people: 12.50 EUR."""
    return f"{to_decimal(money)} {money.currency}"


def exactly(text: str, currency: str) -> Money:
    """A decimal amount as minor units, when it is one to the unit; ValueError for more decimals than there are."""
    money = to_money(text, currency)
    if to_decimal(money) != Decimal(text):
        raise ValueError(f"{currency} has {exponent(currency)} decimals")
    return money


def as_written(text: str, currency: str) -> Money:
    """The same of what a person wrote: 12.50, or 12,50."""
    return exactly(text.strip().replace(",", "."), currency)


def split(minor: int, weights: Sequence[int]) -> list[int]:
    """An amount by weights, to the unit: what is rounded off one share is in the next, so they sum up to it.

    No weights at all weigh the same.
    """
    weights = weights if any(weights) else [1] * len(weights)
    ends = [minor * end // sum(weights) for end in accumulate(weights)]
    return [end - begin for begin, end in pairwise([0, *ends])]
