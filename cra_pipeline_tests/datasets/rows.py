"""Facts of rows for tests of rules."""

from __future__ import annotations

import dataclasses
import hashlib

from hypothesis import strategies as st

from cra_pipeline.datasets.facts import Facts

PLAIN = Facts(
    example_id="0", call_kind="implement", round="r01", source="synthetic", repo="elm",
    domain="database", sha="1" * 40, patch_id="", task_id="elm-1", verdict=None, author="",
    prompt_key=b"", text_key=b"", difficulty=(0, 0),
)  # fmt: skip


def row(name: str, **fields: object) -> Facts:
    """A row whose texts are its own; ``fields`` replace what is plain."""
    key = hashlib.sha256(name.encode()).digest()
    known = {"example_id": name, "prompt_key": key, "text_key": key[::-1], **fields}
    return dataclasses.replace(PLAIN, **known)  # type: ignore[arg-type]  # checked by the tests


def rows_of(count: int, prefix: str, **fields: object) -> list[Facts]:
    """Several rows alike."""
    return [row(f"{prefix}{number}", **fields) for number in range(count)]


domains = st.sampled_from(["parsing", "validation", "database", "ui", "logs", "lint", "data", ""])


@st.composite
def many_rows(draw: st.DrawFn) -> list[Facts]:
    """Rows of up to seven domains with two repositories each, questions and others."""
    drawn = draw(
        st.lists(
            st.tuples(
                domains, st.sampled_from("ab"), st.sampled_from([True, False, None]),
                st.sampled_from(["", "student"]),
            ),
            max_size=60,
        )
    )  # fmt: skip
    return [
        row(
            str(number), domain=domain, repo=f"{domain}-{repo}", verdict=verdict, author=author,
            call_kind="implement" if verdict is None else "scope",
            source="synthetic" if domain else "cold_start",
        )
        for number, (domain, repo, verdict, author) in enumerate(drawn)
    ]  # fmt: skip
