"""Which version, or which base, answers which call kind."""

from __future__ import annotations

from cra_pipeline.contracts.serving import InService
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline.serving.routes import Beside, base_for, calls_of, routes_of
from cra_pipeline_tests.serving.test_layout import CODER, adapter, base

SERVING = InService(ledger=3, adapters=(adapter(3),))


def test_versions_answer_their_kinds_and_bases_the_rest() -> None:
    found = routes_of(SERVING, [base(), CODER])

    assert found.by_kind["scope"].model == "scope-v3"
    assert found.by_kind["precision_pass1"].model == "reasoning-32k-base-v1"
    assert found.by_kind["similarity"].model == "reasoning-32k-base-v1"
    assert found.by_kind["implement"].model == "coding-32k-base-v1"
    assert found.by_kind["documentation"].model == "reasoning-32k-base-v1"
    assert found.by_kind.keys() == CALL_KINDS.keys()
    assert [route.version for route in found.by_kind.values() if route.version] == ["scope-v3"]


def test_a_kind_without_version_and_base_is_refused_with_the_way_out() -> None:
    found = routes_of(SERVING, [base()])

    assert "implement" not in found.by_kind
    assert "no base of role coding" in found.refused["implement"]


def test_a_tiny_base_serves_every_role_where_it_is_alone() -> None:
    tiny = base("tiny-16k-base-v1", role="tiny")

    assert base_for("coding", [tiny]) == tiny
    assert base_for("classifier", [tiny, base()]) == base()
    assert base_for("coding", []) is None


def test_the_newest_base_of_a_role_serves() -> None:
    newest = base("reasoning-32k-base-v10")

    assert base_for("reasoning", [newest, base("reasoning-32k-base-v9")]) == newest


def test_canaries_and_shadows_stand_beside_all_calls_of_their_kind() -> None:
    two, three = adapter(4), adapter(5)
    beside = Beside(canaries={"scope": (two, 0.25)}, shadows={"scope": three})
    found = routes_of(SERVING, [base(), CODER], beside)

    assert found.canaries["scope"][0].model == "scope-v4"
    assert found.canaries["scope"][1] == 0.25
    assert found.shadows["scope"].model == "scope-v5"
    assert {model for _, model in found.models} >= {"scope-v3", "scope-v4", "scope-v5"}
    assert calls_of("planning_dpo")[0] == "meta_plan"
