"""Ranges and patches: git itself is the judge of what a patch says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cra_pipeline.diffs import Blob, changes, lines_of, unified_diff
from cra_pipeline.integrations.git.run import environment

lines = st.lists(st.sampled_from(["a", "b", "c\r", "é\f", ""]), max_size=12)
texts = st.builds(lambda parts, end: "\n".join(parts) + end, lines, st.sampled_from(["", "\n"]))
contents = texts.map(str.encode) | st.sampled_from([b"caf\xe9\n", b"\0\1\2" * 50, b""])
blobs = st.builds(Blob, st.sampled_from(["100644", "100755"]), contents)
trees = st.dictionaries(
    st.sampled_from(["a.py", "with space.txt", "dir/ü.py", 'quo"te', "tab\there"]), blobs
)


@given(texts)
def test_lines_are_the_text_again(text: str) -> None:
    assert "".join(lines_of(text)) == text


@given(texts, texts)
def test_changes_rebuild_the_later_text_and_leave_the_rest_equal(old: str, new: str) -> None:
    before, after = lines_of(old), lines_of(new)
    rebuilt, position = [], 0
    for change in changes(old, new):
        rebuilt += before[position : change.old.start]
        rebuilt += after[change.new.start : change.new.stop]
        position = change.old.stop
    rebuilt += before[position:]

    assert rebuilt == after


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a\nb\nc\n", "a\nX\nc\n", [(range(1, 2), range(1, 2))]),
        ("a\n", "a\nb\n", [(range(1, 1), range(1, 2))]),
        ("", "a", [(range(0), range(1))]),
        ("a\n", "a\n", []),
    ],
)
def test_changes_name_the_lines_that_differ(
    old: str, new: str, expected: list[tuple[range, range]]
) -> None:
    assert [(change.old, change.new) for change in changes(old, new)] == expected


def written(folder: Path, tree: dict[str, Blob]) -> None:
    for path, blob in tree.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(blob.content)
        target.chmod(int(blob.mode[-3:], 8))


def found(folder: Path) -> dict[str, Blob]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): Blob(
            "100755" if path.stat().st_mode & 0o100 else "100644", path.read_bytes()
        )
        for path in files
    }


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(trees, trees)
def test_git_apply_reproduces_every_byte_and_mode(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, Blob], after: dict[str, Blob]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    written(folder, before)
    patch = unified_diff(before, after)
    if patch:
        subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "-"],
            input=patch.encode(),
            cwd=folder,
            env=environment(),
            check=True,
        )

    assert found(folder) == after
    assert bool(patch) == (before != after)


def test_a_file_that_becomes_a_link_is_deleted_and_added() -> None:
    before, after = {"a": Blob("100644", b"x\n")}, {"a": Blob("120000", b"target")}
    patch = unified_diff(before, after)

    assert "deleted file mode 100644" in patch
    assert "new file mode 120000" in patch


def test_far_changes_are_two_hunks_and_near_ones_are_one() -> None:
    rows = [f"{number}\n" for number in range(30)]
    far = [*rows[:2], "X\n", *rows[3:20], "Y\n", *rows[21:]]
    near = [*rows[:2], "X\n", *rows[3:8], "Y\n", *rows[9:]]

    def hunks(other: list[str]) -> int:
        one, two = "".join(rows).encode(), "".join(other).encode()
        patch = unified_diff({"a": Blob("100644", one)}, {"a": Blob("100644", two)})
        return patch.count("\n@@ ")

    assert hunks(far) == 2
    assert hunks(near) == 1
