"""Attempts whose scope calls are answered by ranking the files at the attempt's own base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cra_pipeline.contracts.agents import AgentRun, AttemptPlan
from cra_pipeline.contracts.campaigns import ResponderSpec, campaign_plans
from cra_pipeline.integrations.agents import clean_room
from cra_pipeline.integrations.agents.answering import opened_responder
from cra_pipeline.integrations.ranking import shelves as ranking
from cra_pipeline.integrations.ranking.shelves import Shelves
from cra_pipeline.integrations.responders.mixture import Mixture, asked
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.integrations.responders.ranked import RankedResponder
from cra_pipeline_tests.integrations.clean_room.beds import Bed, make_bed

RANKED = ResponderSpec(name="ranked", kinds=("scope",))
START = {
    "pyproject.toml": '[project]\nname = "till"\nversion = "1.0"\n',
    "till.py": "import rates\n\n\ndef total(prices):\n    return sum(prices) * rates.NONE\n",
    "rates.py": "NONE = 1\n",
    "tests/test_till.py": (
        "from till import total\n\n\ndef test_prices_are_added():\n    assert total([1, 2]) == 3\n"
    ),
}
COMMIT = {
    "till.py": (
        "import rates\n\n\ndef total(prices, discount=0):\n"
        "    return sum(prices) * (rates.NONE - discount / 100)\n"
    ),
    "tests/test_till.py": (
        f"{START['tests/test_till.py']}\n\ndef test_a_discount_is_taken_off():\n"
        "    assert total([100], discount=10) == 90\n"
    ),
}


def served(name: str, *kinds: str) -> ResponderSpec:
    return ResponderSpec(name=name, kinds=kinds, base_url="http://127.0.0.1:1/v1", model="m")


def with_responder(bed: Bed, told: ResponderSpec) -> tuple[AttemptPlan, AgentRun]:
    """One attempt of a campaign, as its stage makes it."""
    spec = bed.campaign().model_copy(update={"responder": told})
    (plan,) = campaign_plans(spec)
    with clean_room.opened(replace(bed.supplies(), campaign=spec)) as agent:
        return plan, agent.run(bed.task, plan, {}, "a1")


def scopes(run: AgentRun) -> Mapping[str, str]:
    return {
        call.prompt.rpartition("File: ")[2].split()[0]: call.response
        for call in run.calls
        if call.call_kind == "scope"
    }


@pytest.mark.slow
def test_scope_is_ranked_at_the_base_and_gold_answers_the_rest(
    tmp_path: Path, env_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[Path, str]] = []
    real = ranking.read_snapshot

    def noted(repo: Path, revision: str) -> ranking.Snapshot:
        read.append((repo, revision))
        return real(repo, revision)

    monkeypatch.setattr(ranking, "read_snapshot", noted)
    bed = make_bed(
        tmp_path, env_folder, start=START, commit=COMMIT, message="Take a discount in till.py"
    )
    plan, run = with_responder(bed, RANKED)
    who = {call.call_kind: call.responder for call in run.calls}

    assert plan.responder == "ranked (scope)"
    assert (run.outcome, run.status) == (None, "complete"), run
    assert who.pop("scope") == "ranked"
    assert set(who.values()) == {"gold"}
    assert set(scopes(run).values()) <= {"yes", "no"}
    # What came later is not even looked at.
    assert read == [(bed.materials.snapshot, bed.task.base_sha)]


@pytest.mark.parametrize(
    ("told", "scope", "implement", "with_model"),
    [
        (RANKED, "ranked", "gold", False),
        (served("ranked_with_model", "scope"), "ranked", "gold", True),
        (served("ranked", "implement", "scope"), "ranked", "openai", False),
        (served("ranked_with_model"), "ranked", "ranked", True),
    ],
)
def test_each_kind_is_answered_by_whom_the_policy_names(
    told: ResponderSpec,
    scope: str,
    implement: str,
    with_model: bool,  # noqa: FBT001  # of the table
    tmp_path: Path,
) -> None:
    bed = make_bed(tmp_path, tmp_path / "no environment")
    spec = bed.campaign().model_copy(update={"responder": told})
    shelves = Shelves()
    with opened_responder(spec, bed.supplies(), Oracles(), shelves) as responder:
        member = responder.member("scope") if isinstance(responder, Mixture) else responder

        assert (asked(responder, "scope"), asked(responder, "implement")) == (scope, implement)
        assert isinstance(member, RankedResponder)
        assert member.shelves is shelves
        assert (member.server is not None) == with_model
        # It hands the rest on to the server only where nobody else mixes.
        assert (member.otherwise is not None) == (implement == "ranked")


def test_a_row_names_the_ranking_and_its_model() -> None:
    assert served("ranked_with_model").label() == "ranked_with_model, m"
    assert RANKED.label() == "ranked (scope)"
