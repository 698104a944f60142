"""Whatever legal acts follow each other, a kind has at most one active version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.registry import LedgerAct, LedgerLine
from cra_pipeline.errors import RegistryError
from cra_pipeline.registry.ledger import drafted
from cra_pipeline.registry.standing import AFTER, Standing, folded

KINDS = ("scope", "precision")
ACTS: tuple[LedgerAct, ...] = (
    "registered", "refused", "promotion_intended", "promotion_done", "promotion_undone",
    "rollback_intended", "rollback_done", "rollback_undone", "retired", "base_registered",
    "base_obsolete",
)  # fmt: skip
steps = st.lists(
    st.tuples(st.sampled_from(ACTS), st.sampled_from(KINDS), st.integers(1, 4)), max_size=40
)


def likely(standing: Standing, act: LedgerAct, kind: str, number: int) -> dict[str, object]:
    """Fields of an act that has a chance of being legal."""
    intent = standing.intent
    if act.endswith(("_done", "_undone")) and intent is not None:
        return intent.model_dump(include={"adapter_kind", "version", "from_version", "override"})
    if act.startswith("base_"):
        name = f"tiny-v{number}"
        return {"adapter_kind": "", "version": name, "base_digest": str(number)}
    active = standing.active.get(kind, "")
    version = {
        "registered": standing.next_version(kind),
        "rollback_intended": standing.before(kind),
    }.get(act, f"{kind}-v{number}")
    from_version = active if act.endswith("_intended") else ""
    return {
        "adapter_kind": kind, "version": version, "from_version": from_version,
        "base_digest": str(number % 2 + 1),
    }  # fmt: skip


def grown(wanted: list[tuple[LedgerAct, str, int]]) -> list[LedgerLine]:
    """Those of the acts that were legal in their turn."""
    lines: list[LedgerLine] = []
    for act, kind, number in wanted:
        fields = likely(folded(lines), act, kind, number)
        line = drafted(lines, 0, act=act, **fields)
        try:
            folded([*lines, line])
        except RegistryError:
            continue
        lines.append(line)
    return lines


@given(steps)
def test_at_most_one_version_of_a_kind_is_active(wanted: list[tuple[LedgerAct, str, int]]) -> None:
    lines = grown(wanted)
    for end in range(len(lines) + 1):
        standing = folded(lines[:end])
        for kind in KINDS:
            active = [row.version for row in standing.of_kind(kind) if row.state == "active"]

            assert active == [standing.active[kind]] if kind in standing.active else not active


@given(steps)
def test_versions_are_unique_and_only_grow(wanted: list[tuple[LedgerAct, str, int]]) -> None:
    named = [line.version for line in grown(wanted) if line.act == "registered"]

    assert len(named) == len(set(named))
    for kind in KINDS:
        own = [name for name in named if name.startswith(kind)]
        assert own == [f"{kind}-v{number}" for number in range(1, len(own) + 1)]


@given(steps)
def test_what_is_retired_or_void_never_serves_again(
    wanted: list[tuple[LedgerAct, str, int]],
) -> None:
    lines, gone = grown(wanted), set[str]()
    for end in range(len(lines) + 1):
        standing = folded(lines[:end])
        out = {
            row.version for row in standing.versions.values() if row.state in {"retired", "void"}
        }

        assert gone <= out
        assert not out & set(standing.active.values())
        gone = out


def served(count: int) -> list[LedgerLine]:
    """A ledger in which so many versions of scope were promoted, one after the other."""
    lines: list[LedgerLine] = []

    def add(act: LedgerAct, version: str, from_version: str = "") -> None:
        lines.append(
            drafted(
                lines, 0, act=act, adapter_kind="scope", version=version, from_version=from_version
            )
        )

    for number in range(1, count + 1):
        before = f"scope-v{number - 1}" if number > 1 else ""
        add("registered", f"scope-v{number}")
        add("promotion_intended", f"scope-v{number}", before)
        add("promotion_done", f"scope-v{number}", before)
    return lines


def test_rollbacks_lead_back_version_by_version() -> None:
    lines = served(3)
    for expected in ("scope-v2", "scope-v1", ""):
        standing = folded(lines)
        fields = {
            "adapter_kind": "scope",
            "version": standing.before("scope"),
            "from_version": standing.active["scope"],
        }
        for act in ("rollback_intended", "rollback_done"):
            lines.append(drafted(lines, 0, act=act, **fields))

        assert folded(lines).active.get("scope", "") == expected


def test_a_retired_version_is_passed_over_on_the_way_back() -> None:
    lines = served(3)
    lines.append(drafted(lines, 0, act="retired", adapter_kind="scope", version="scope-v2"))

    assert folded(lines).before("scope") == "scope-v1"


@pytest.mark.parametrize(
    ("act", "version", "from_version", "words"),
    [
        ("registered", "scope-v4", "", "registers 'scope-v4', expected 'scope-v3'"),
        ("registered", "scope-v2", "", "expected 'scope-v3': numbers only grow"),
        ("promotion_intended", "scope-v2", "scope-v2", "scope-v2 is active"),
        ("promotion_intended", "scope-v1", "", "from '', but 'scope-v2' is active"),
        ("promotion_intended", "scope-v9", "scope-v2", "scope has no version 'scope-v9'"),
        ("promotion_done", "scope-v1", "scope-v2", "but no promotion_intended is open"),
        ("rollback_done", "scope-v1", "scope-v2", "but no rollback_intended is open"),
        ("rollback_intended", "", "scope-v2", "back to '', expected 'scope-v1'"),
        ("retired", "scope-v2", "", "scope-v2 is active"),
        ("refused", "scope-v2", "", "scope-v2 is active"),
        ("base_obsolete", "tiny-v1", "", "base tiny-v1 is not registered"),
    ],
)
def test_what_may_not_follow_is_refused_with_its_line(
    act: LedgerAct, version: str, from_version: str, words: str
) -> None:
    lines = served(2)
    kind = "" if act.startswith("base_") else "scope"
    line = drafted(lines, 0, act=act, adapter_kind=kind, version=version, from_version=from_version)

    with pytest.raises(RegistryError, match=f"ledger line 7: .*{words}"):
        folded([*lines, line])


def test_nothing_but_its_end_follows_an_open_intent() -> None:
    lines = served(1)
    lines.append(drafted(lines, 0, act="registered", adapter_kind="scope", version="scope-v2"))
    told = {"adapter_kind": "scope", "version": "scope-v2", "from_version": "scope-v1"}
    lines.append(drafted(lines, 0, act="promotion_intended", **told))
    for act in sorted(AFTER):
        with pytest.raises(RegistryError, match="is open"):
            folded([*lines, drafted(lines, 0, act=act, **told)])
    other = told | {"version": "scope-v1"}
    with pytest.raises(RegistryError, match="'scope-v2' is open"):
        folded([*lines, drafted(lines, 0, act="promotion_done", **other)])


def test_a_base_that_is_there_under_another_name_stays_good() -> None:
    lines: list[LedgerLine] = []
    for act, name in (
        ("base_registered", "tiny-v1"),
        ("base_registered", "tiny-v2"),
        ("base_obsolete", "tiny-v1"),
    ):
        fields = {"act": act, "adapter_kind": "", "version": name, "base_digest": "same"}
        lines.append(drafted(lines, 0, **fields))

    assert not folded(lines).is_void("same")
    assert not folded(lines).is_void("unknown")
