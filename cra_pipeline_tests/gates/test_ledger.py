"""Whether a ledger can be relied on, and what could be gone back to."""

from __future__ import annotations

from cra_pipeline.contracts.registry import LedgerAct, LedgerLine
from cra_pipeline.gates.ledger import broken, earlier_versions, versions


def lines(*acts: tuple[LedgerAct, str, str]) -> list[LedgerLine]:
    """Lines of (act, version, version before), bound to each other."""
    found: list[LedgerLine] = []
    for number, (act, version, before) in enumerate(acts):
        found.append(
            LedgerLine(
                number=number,
                previous=found[-1].content if found else "",
                act=act,
                adapter_kind="scope",
                version=version,
                from_version=before,
                round="r01",
                base_digest="b" * 64,
                adapter_digest=version.ljust(64, "0"),
                at=number,
            )
        )
    return found


WHOLE = lines(
    ("registered", "scope-v1", ""),
    ("promotion_intended", "scope-v1", ""),
    ("promotion_done", "scope-v1", ""),
    ("registered", "scope-v2", ""),
    ("promotion_intended", "scope-v2", "scope-v1"),
    ("promotion_done", "scope-v2", "scope-v1"),
)


def test_a_ledger_whose_lines_are_bound_is_whole() -> None:
    assert broken(WHOLE) == ""
    assert broken([]) == ""


def test_a_line_taken_out_or_changed_is_noticed() -> None:
    changed = WHOLE[2].model_copy(update={"reason": "other"})

    assert "line 3 does not follow" in broken([*WHOLE[:2], *WHOLE[3:]])
    assert "line 4 does not follow" in broken([*WHOLE[:2], changed, *WHOLE[3:]])


def test_what_was_begun_and_never_ended_is_noticed() -> None:
    assert "promotion of scope-v2 was begun" in broken(WHOLE[:5])


def test_what_was_undone_is_ended() -> None:
    undone = lines(
        ("registered", "scope-v1", ""),
        ("promotion_intended", "scope-v1", ""),
        ("promotion_undone", "scope-v1", ""),
    )

    assert broken(undone) == ""


def test_what_a_promotion_replaced_can_be_gone_back_to() -> None:
    assert set(versions(WHOLE)) == {"scope-v1", "scope-v2"}
    assert [known.version for known in earlier_versions(WHOLE)] == ["scope-v1"]
