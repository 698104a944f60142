"""A statement may say what is wanted, and nothing that only the solution says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.harness.disclosure import DisclosurePolicy, disclosures

BEFORE = {"till.py": "LIMIT = 9\n\n\ndef total(prices):\n    return sum(prices)\n"}
AFTER = {
    "till.py": (
        "LIMIT = 9\n\n\n"
        "def total(prices, percent_off=0):\n"
        "    if not 0 <= percent_off <= 100:\n"
        '        raise ValueError("the rebate lies between 0 and 100 of a hundred")\n'
        '    settings = {"round_up": True}\n'
        "    return sum(prices) * (100 - percent_off) / 100\n"
    ),
    "coupons.py": "class Coupon:\n    pass\n",
}
ORIGINAL = "Add discounts"


def found(text: str, *, original: str = ORIGINAL) -> tuple[str, ...]:
    return disclosures(
        text, original=original, before=BEFORE, after=AFTER, policy=DisclosurePolicy()
    )


@pytest.mark.parametrize(
    "text",
    [
        "Let the total in till.py take a discount, and refuse discounts out of bounds.",
        "Let `total(prices)` take a discount. LIMIT stays as it is.",
        "A discount of 100 is allowed.",
        "Sum the prices, then take the discount off.",
        "Rebates lie between 0 and 100.",
    ],
)
def test_what_is_wanted_may_be_said(text: str) -> None:
    assert found(text) == ()


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("Write if not 0 <= percent_off <= 100: and so on", "line: if not 0 <= percent_off"),
        ('Have   settings = {"round_up":\n True} there', 'line: settings = {"round_up": True}'),
        ("It is sum(prices) * (100 - x)", "sequence: sum ( prices ) * ("),
        ("it is SUM ( PRICES )*( 100", "sequence: sum ( prices ) * ("),
        ("Say that the rebate lies between 0 and a hundred", "sequence: the rebate lies between 0"),
        ("Give total the argument percent_off", "name: percent_off"),
        ("Give total the argument percent-off", "name: percent_off"),
        ("Give total the argument PercentOff", "name: percent_off"),
        ("Read the key round_up there", "name: round_up"),
        ("Make a class Coupon of it", "name: Coupon"),
        ("Put it into coupons.py please", "name: coupons"),
        ("As in #412, discounts are wanted", "pointer: "),
        ("As in 3f2a91c, discounts are wanted", "pointer: "),
        ("See https://example.org/x for discounts", "pointer: "),
        ("Discounts\nCo-authored-by: A <a@b.c>", "pointer: "),
        ("Do it so:\n```\nx = 1\n```", "block: "),
    ],
)
def test_what_only_the_solution_says_is_found(text: str, finding: str) -> None:
    assert any(one.startswith(finding) for one in found(text)), found(text)


def test_what_the_original_says_too_is_no_disclosure() -> None:
    said = "Give total a percent_off; return sum(prices) * (100 - percent_off) / 100"

    assert found(said) != ()
    assert found(said, original=said) == ()


def test_a_file_that_is_no_python_is_read_by_words() -> None:
    found_ = disclosures(
        "Set the flavour to vanilla",
        original="Set it",
        before={"a.toml": "x = 1\n"},
        after={"a.toml": "x = 1\nflavour = 2\n"},
        policy=DisclosurePolicy(),
    )

    assert found_ == ("name: flavour",)


added = st.sampled_from([line for line in AFTER["till.py"].splitlines() if line.strip()][1:])


@given(added, st.text(max_size=20), st.text(max_size=20))
def test_an_added_line_is_found_wherever_it_stands(line: str, ahead: str, behind: str) -> None:
    assert found(f"{ahead} {line} {behind}")


@given(st.text())
def test_no_text_is_an_exception(text: str) -> None:
    assert isinstance(
        disclosures(
            text,
            original=text,
            before={"a.py": text},
            after={"a.py": f"{text}\nx = 1\n"},
            policy=DisclosurePolicy(),
        ),
        tuple,
    )
