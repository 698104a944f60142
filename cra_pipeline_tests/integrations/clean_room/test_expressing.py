"""What the agent is asked for, what it is given, and what cannot be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.diffs import Blob
from cra_pipeline.gold.prepared import STUB
from cra_pipeline.integrations.agents.supplies import Materials
from cra_pipeline.integrations.clean_room.expressing import expressed
from cra_pipeline_tests.integrations.clean_room.beds import Bed, environment_row

FILE, SCRIPT, LINK, MODULE = "100644", "100755", "120000", "160000"


def blobs(files: Mapping[str, str | bytes | Blob]) -> dict[str, Blob]:
    return {
        path: item if isinstance(item, Blob)
        else Blob(FILE, item.encode() if isinstance(item, str) else item)
        for path, item in files.items()
    }  # fmt: skip


@pytest.fixture
def materials(bed: Bed) -> Materials:
    """An edit of code and its test, a new module, a deleted one, data, prose and settings."""
    return replace(
        bed.materials,
        before=blobs({
            "a.py": "x = 1\n", "old.py": "y = 1\n", "tests/test_a.py": "t = 1\n",
            "data.csv": "1\n", "README.md": "old\n", "tests/conftest.py": "c = 1\n",
        }),
        after=blobs({
            "a.py": "x = 2\n", "new.py": "z = 1\n", "tests/test_a.py": "t = 2\n",
            "tests/test_new.py": "n = 1\n", "data.csv": "2\n", "README.md": "new\n",
            "tests/conftest.py": "c = 2\n", "tests/data.json": "{}\n",
        }),
        hidden=frozenset(
            {"tests/test_a.py", "tests/test_new.py", "tests/conftest.py", "tests/data.json"}
        ),
        steering=frozenset({"tests/conftest.py"}),
    )  # fmt: skip


def test_python_is_edited_and_the_rest_is_given_to_the_test_command_alone(
    materials: Materials,
) -> None:
    said = expressed(materials)

    assert said.problem == ""
    assert set(said.after) == {"a.py", "new.py", "tests/test_a.py", "tests/test_new.py"}
    assert said.before["a.py"] == "x = 1\n"
    assert said.before["new.py"] == STUB
    assert said.tests == {"tests/test_a.py", "tests/test_new.py"}
    assert {path: blob.content for path, blob in said.prepared.items()} == {
        "new.py": STUB.encode(), "tests/test_new.py": STUB.encode(),
    }  # fmt: skip
    assert {path: blob.content for path, blob in said.given.items()} == {
        "data.csv": b"2\n", "tests/conftest.py": b"c = 2\n", "tests/data.json": b"{}\n",
    }  # fmt: skip
    assert said.deleted == {"old.py"}


def test_the_base_gives_nothing_of_the_answer_away(materials: Materials) -> None:
    said = expressed(materials)
    known = "".join(
        [*said.before.values(), *(str(item.content) for item in said.prepared.values())]
    )

    assert "x = 2" not in known
    assert "z = 1" not in known
    assert "t = 2" not in known


def test_a_proposal_has_the_base_s_own_part_and_no_hidden_support_file(
    materials: Materials,
) -> None:
    said = expressed(materials)
    proposed = said.proposed({"a.py": "x = 2\n", "new.py": "z = 1\n"})

    assert proposed["a.py"] == "x = 2\n"
    assert proposed["new.py"] == "z = 1\n"
    assert proposed["data.csv"] == "2\n"
    assert not {"tests/conftest.py", "tests/data.json"} & set(proposed)
    assert said.removed(("b.py",)) == ("b.py", "old.py")


CANNOT: dict[str, tuple[dict[str, str | bytes | Blob], str]] = {
    "a link": ({"a.py": Blob(LINK, b"b.py")}, "a.py: a link or submodule"),
    "a submodule": ({"a.py": Blob(MODULE, b"")}, "a.py: a link or submodule"),
    "latin-1": ({"a.py": b"# caf\xe9\n"}, "a.py: no UTF-8"),
    "binary": ({"a.py": "x = 2\n", "logo.bin": b"\0\1"}, "logo.bin: binary"),
    "data in latin-1": (
        {"a.py": "x = 2\n", "names.dat": b"M\xfcller\n"},
        "names.dat: no UTF-8, so no",
    ),
    "carriage returns": ({"a.py": "x = 2\r\n"}, "a.py: carriage returns"),
    "only deletions": ({}, "nothing is left to edit"),
    "tags of the format": ({"a.py": "x = '</edit>'\n"}, "a.py: "),
}


@pytest.mark.parametrize("what", sorted(CANNOT))
def test_what_cannot_be_asked_has_its_reason_before_anything_runs(bed: Bed, what: str) -> None:
    after, reason = CANNOT[what]
    materials = replace(
        bed.materials, before=blobs({"a.py": "x = 1\n"}), after=blobs(after), hidden=frozenset()
    )

    assert expressed(materials).problem.startswith(reason)


def test_a_binary_test_file_is_given(materials: Materials) -> None:
    after = {**materials.after, "tests/data.json": Blob(FILE, b"\0")}
    said = expressed(replace(materials, after=after))

    assert said.problem == ""
    assert said.given["tests/data.json"].content == b"\0"
    assert "tests/data.json" not in said.prepared
    assert "tests/data.json" not in said.proposed({})


def test_a_page_that_a_test_names_is_data(materials: Materials) -> None:
    after = {**materials.after, "docs/features.md": Blob(FILE, b"- one\n")}
    asked = replace(materials, after=after)

    assert "docs/features.md" not in expressed(asked).given
    read = replace(asked, read_by_tests=frozenset({"docs/features.md"}))
    assert expressed(read).given["docs/features.md"].content == b"- one\n"


def test_hidden_text_is_given_and_prose_is_not(materials: Materials) -> None:
    after = {**materials.after, "tests/data/e.txt": Blob(FILE, b"e\n")}
    hidden = materials.hidden | {"tests/data/e.txt"}
    said = expressed(replace(materials, after=after, hidden=hidden))

    assert said.given["tests/data/e.txt"].content == b"e\n"
    assert "README.md" not in said.given


PLACES = {
    "README.md": True, "README": True, "CHANGES.txt": True, "LICENSE": True, "history.rst": True,
    "docs/usage.rst": True, "docs/deep/down/notes.txt": True, "changelog.d/12.fix.md": True,
    "newsfragments/1.txt": True,
    "docs/example.json": False, "docs/data.csv": False, "rates.txt": False, "till/rates.txt": False,
    "parso/python/grammar312.txt": False, "till/docs/page.rst": False, "till/README.md": False,
    "README.json": False, "templates/mail.md": False, "requirements.txt": False, "Makefile": False,
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(PLACES))
def test_text_is_prose_at_known_places_and_data_elsewhere(materials: Materials, path: str) -> None:
    after = {**materials.after, path: Blob(FILE, b"new\n")}
    gone = {**materials.before, path: Blob(FILE, b"old\n")}

    assert (path not in expressed(replace(materials, after=after)).given) is PLACES[path]
    if path not in materials.after:
        assert (path not in expressed(replace(materials, before=gone)).deleted) is PLACES[path]


def test_prose_and_hidden_data_need_be_no_utf_8(materials: Materials) -> None:
    latin = {"README.md": Blob(FILE, b"\xe9"), "tests/data.json": Blob(FILE, b"\xe9")}
    said = expressed(replace(materials, after={**materials.after, **latin}))

    assert said.problem == ""
    assert not set(latin) & set(said.proposed({}))


def test_a_hidden_file_that_is_gone_is_gone_for_the_tests_and_in_no_proposal(
    materials: Materials,
) -> None:
    """The judge removes it; a proposal that names it would be refused."""
    old = {"tests/old.json": Blob(FILE, b"{}\n"), "tests/notes.md": Blob(FILE, b"old\n")}
    hidden = materials.hidden | set(old)
    said = expressed(
        replace(materials, before={**materials.before, **old}, hidden=hidden),
    )

    assert set(old) <= said.deleted
    assert set(old) <= said.untouchable
    assert said.removed(("b.py", "tests/old.json")) == ("b.py", "old.py")
    assert not set(old) & set(said.proposed({}))


def test_an_inexpressible_task_ends_without_a_sandbox(bed: Bed) -> None:
    materials = replace(
        bed.materials,
        before=blobs({"a.py": "x = 1\n"}),
        after=blobs({"a.py": b"\xe9"}),
        hidden=frozenset(),
    )
    run = replace(bed, materials=materials).attempt()

    assert run.outcome is Outcome.INEXPRESSIBLE
    assert run.detail == "a.py: no UTF-8, so the agent cannot read it"
    assert not bed.layout.scratch.exists()


paths = st.sampled_from(["a.py", "b.py", "tests/test_a.py", "data.csv", "docs/x.md"])
texts = st.sampled_from(["x = 1\n", "x = 2\n", "def f():\n    return 1\n", ""])


@given(st.dictionaries(paths, texts), st.dictionaries(paths, texts))
def test_what_is_edited_lies_in_the_base_and_differs(
    before: dict[str, str], after: dict[str, str]
) -> None:
    materials = _bare(before, after)
    said = expressed(materials)

    assert set(said.before) == set(said.after)
    assert all(said.before[path] != said.after[path] for path in said.after)
    assert not said.deleted & set(said.after)
    assert said.problem or said.after


def _bare(before: dict[str, str], after: dict[str, str]) -> Materials:
    return Materials(
        snapshot=Path("/nowhere"),
        before=blobs(before),
        after=blobs(after),
        hidden=frozenset(path for path in after if path.startswith("tests/")),
        steering=frozenset(),
        environment=environment_row("1" * 40),
        env_folder=Path("/nowhere"),
    )
