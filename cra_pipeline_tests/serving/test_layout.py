"""Which servers a memory holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.serving import BaseFigures, ServedAdapter
from cra_pipeline.serving.layout import GIB, LayoutPolicy, lay_out, rank_setting

KIB = 1024


def base(base_id: str = "reasoning-32k-base-v1", **changed: object) -> BaseFigures:
    """Qwen3-4B in bfloat16, as it was measured."""
    made = BaseFigures(
        base_id=base_id, base_digest=f"digest of {base_id}", role="reasoning", window=32768,
        weight_bytes=int(7.49 * GIB), kv_bytes_per_token=144 * KIB,
    )  # fmt: skip
    return made.model_copy(update=changed)


CODER = base(
    "coding-32k-base-v1", role="coding", weight_bytes=int(5.75 * GIB), kv_bytes_per_token=36 * KIB
)


def adapter(number: int, base_id: str = "reasoning-32k-base-v1", rank: int = 32) -> ServedAdapter:
    return ServedAdapter(
        version=f"scope-v{number}", adapter_kind="scope", round="r01", base_id=base_id,
        base_digest=f"digest of {base_id}", adapter_digest="a", gate_report="g", rank=rank,
        size_bytes=132_000_000 * rank // 32,
    )  # fmt: skip


def test_the_measured_card_comes_out_as_measured() -> None:
    seven = [adapter(number) for number in range(7)]
    found = lay_out(seven, [base()], memory_bytes=int(14.6 * GIB))
    (group,) = found.groups
    (server,) = group.instances

    assert group.phase == "all"
    assert server.max_loras == 8
    assert server.adapter_bytes / GIB == pytest.approx(0.98, abs=0.01)
    assert server.kv_tokens == pytest.approx(35_000, abs=800)


def test_both_bases_share_a_large_card() -> None:
    found = lay_out([adapter(1)], [base(), CODER], memory_bytes=80 * GIB)
    (group,) = found.groups

    assert [item.base_id for item in group.instances] == [CODER.base_id, base().base_id]
    assert all(item.kv_tokens >= item.window for item in group.instances)
    assert sum(item.whole_bytes for item in group.instances) <= 80 * GIB


def test_a_small_card_takes_the_phases_in_turn() -> None:
    found = lay_out([adapter(1)], [base(), CODER], memory_bytes=16 * GIB)

    assert [group.phase for group in found.groups] == ["reasoning", "coding"]
    assert [len(group.instances) for group in found.groups] == [1, 1]
    assert "2 groups" in found.arithmetic[0]


def test_what_fits_in_no_phase_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(ValueError, match="short") as caught:
        lay_out([adapter(1)], [base(), CODER], memory_bytes=10 * GIB)

    text = str(caught.value)
    for part in (
        "reasoning: 13.54 GiB needed, 10.00 GiB there, 3.54 GiB short",
        "weights 7.49 GiB",
        "2 adapter slots of rank 32 0.25 GiB",
        "other 1.30 GiB",
        "a window of 32,768 tokens 4.50 GiB = 13.54 GiB",
    ):
        assert part in text


def test_slots_are_as_large_as_the_highest_rank_makes_them() -> None:
    found = lay_out([adapter(1, rank=16), adapter(2, rank=32)], [base()], memory_bytes=40 * GIB)
    (server,) = found.instances

    assert (server.max_loras, server.max_lora_rank, server.max_cpu_loras) == (3, 32, 6)
    assert server.adapter_bytes == 3 * 132_000_000


@pytest.mark.parametrize("base_id", ["coding-32k-base-v1", "gone"])
def test_an_adapter_never_crosses_bases(base_id: str) -> None:
    with pytest.raises(ValueError, match="adapters never cross bases"):
        lay_out([adapter(1, base_id)], [base()], memory_bytes=80 * GIB)


def test_ranks_are_those_that_servers_take() -> None:
    assert [rank_setting(rank) for rank in (1, 8, 9, 512)] == [8, 8, 16, 512]
    with pytest.raises(ValueError, match="rank 513"):
        rank_setting(513)


def test_without_bases_there_is_nothing_to_start() -> None:
    assert lay_out([], [], memory_bytes=GIB).groups == ()


@given(st.integers(1, 200), st.integers(0, 12), st.sampled_from([8, 16, 32, 64]))
def test_a_layout_never_takes_more_than_there_is_nor_less_than_a_window(
    gib: int, count: int, rank: int
) -> None:
    adapters = [adapter(number, rank=rank) for number in range(count)]
    try:
        found = lay_out(adapters, [base(), CODER], memory_bytes=gib * GIB)
    except ValueError:
        assert gib < 20
        return

    for group in found.groups:
        assert sum(item.whole_bytes for item in group.instances) <= gib * GIB
        for item in group.instances:
            assert item.kv_tokens >= item.window * LayoutPolicy().windows
            assert item.max_loras > len(item.adapters)
