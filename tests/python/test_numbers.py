"""The macros that read and divide numbers give what Python's own decimals and fractions give."""

from __future__ import annotations

import math
import random
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

import duckdb
import pytest
from casebook.draft.kinds import Casts
from workbench import PROJECT

MACROS = Casts(PROJECT)
EXACT = Context(prec=500)


def digits(chance: random.Random, most: int) -> str:
    return "".join(chance.choices("0123456789", k=chance.randrange(most)))


def plain(chance: random.Random) -> str:
    return f"{chance.choice(['', '+', '-'])}{digits(chance, 22)}.{digits(chance, 40)}5"


def with_power(chance: random.Random) -> str:
    whole, power = chance.choice("0123456789") + digits(chance, 22), chance.randrange(-99, 100)
    mark = f"{chance.choice('eE')}{chance.choice(['', '+']) if power >= 0 else ''}{power}"
    return f" {chance.choice(['', '+', '-'])}{whole}{chance.choice(['', '.', '.5'])}{mark}\t"


def small_float(chance: random.Random) -> str:
    return repr(chance.random() * 10.0 ** -chance.randrange(2, 10))


def number_near_half(chance: random.Random) -> str:
    return f"{chance.choice(['', '-'])}{chance.randrange(100)}.{chance.randrange(10**6):06}5e0"


@pytest.mark.parametrize("spell", [plain, with_power, small_float, number_near_half])
def test_a_decimal_is_rounded_once_and_half_up(spell) -> None:
    chance = random.Random(8)
    texts = [spell(chance) for _ in range(10_000)]
    cast = MACROS.sql("cast_decimal", "text", 18, 6, True)
    found = duckdb.execute(f"select text, {cast} from (select unnest(?) as text)", [texts])
    values = set()
    for text, value in found.fetchall():
        rounded = EXACT.create_decimal(text.strip()).quantize(
            Decimal("0.000001"), ROUND_HALF_UP, EXACT
        )
        assert value == (rounded if abs(rounded) < 10**12 else None), text
        values.add(value)
    assert len(values) > 500


@pytest.mark.parametrize("type_", ["bigint", "hugeint", "decimal(38, 0)"])
def test_a_quotient_is_rounded_half_away_from_zero(type_: str) -> None:
    chance = random.Random(9)
    most = 2**63 - 1 if type_ == "bigint" else 10**25
    pairs = [(a, b) for a in range(-40, 41) for b in (0, 1, 2, 3, 64, 2_000_000)]
    pairs += [
        (chance.randrange(-most, most) // 10 ** chance.randrange(19), chance.randrange(1, 10**6))
        for _ in range(5_000)
    ]
    divided = MACROS.sql("quotient", f"cast(a as {type_})", f"cast(b as {type_})", 6, 38)
    found = duckdb.execute(
        f"select cast(a as hugeint), cast(b as hugeint), {divided}"
        " from (select unnest(?) as a, unnest(?) as b)",
        [[str(a) for a, _ in pairs], [str(b) for _, b in pairs]],
    ).fetchall()
    assert len(found) == len(pairs)
    for a, b, quotient in found:
        if not b:
            assert quotient is None
            continue
        millionths = math.floor(Fraction(abs(a), b) * 10**6 + Fraction(1, 2))
        signed = millionths if a >= 0 else -millionths
        assert quotient == Decimal(signed).scaleb(-6, EXACT), (a, b)
