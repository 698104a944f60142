"""What the UI offers as configuration starts from the policies, number by number."""

from __future__ import annotations

import dataclasses

from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.definitions.commits import CommitConfig
from cra_pipeline.definitions.harness import AttemptConfig, TaskConfig
from cra_pipeline.definitions.packages import PackageConfig
from cra_pipeline.definitions.pairs import PairConfig
from cra_pipeline.harness.campaigning import CampaignLimits, CampaignTerms
from cra_pipeline.harness.policy import AttemptPolicy, TaskPolicy
from cra_pipeline.packages.policy import PackagePolicy
from cra_pipeline.pairs.policy import PairPolicy


def test_defaults_are_those_of_the_policies() -> None:
    assert CommitConfig().policy() == FilterPolicy()
    assert PackageConfig().policy() == PackagePolicy()
    assert PairConfig().policy() == PairPolicy()
    assert TaskConfig().policy() == TaskPolicy()
    assert AttemptConfig().policy() == AttemptPolicy()


def test_every_number_of_the_filter_can_be_changed() -> None:
    assert set(CommitConfig.model_fields) == {
        field.name for field in dataclasses.fields(FilterPolicy)
    }


def test_a_changed_number_reaches_the_policy() -> None:
    assert CommitConfig(min_words=7).policy().min_words == 7
    assert PackageConfig(index_url="http://127.0.0.1:1/", limit=2).policy().limit == 2
    assert PairConfig(per_task=1).policy().per_task == 1
    assert TaskConfig(cpu_s=7).policy().limits.cpu_s == 7
    assert AttemptConfig(wall_s=7.5).policy().limits.wall_s == 7.5


def test_limits_and_terms_of_a_campaign_are_none_unless_given() -> None:
    assert AttemptConfig().limits() == CampaignLimits()
    assert AttemptConfig().terms() == CampaignTerms()
    assert AttemptConfig(most_hours=2.0, began=7.0).limits() == CampaignLimits(hours=2.0, began=7.0)
    assert AttemptConfig(
        concurrency=2, requests_per_minute=3.0, prompt_price=4.0, completion_price=5.0,
        spend_limit=6.0,
    ).terms() == CampaignTerms(
        concurrency=2, requests_per_minute=3.0, prompt_price=4.0, completion_price=5.0,
        spend_limit=6.0,
    )  # fmt: skip
