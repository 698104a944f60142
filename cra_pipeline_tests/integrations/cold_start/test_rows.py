"""Each set's fixture is read in its published format; files that do not fit are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cra_pipeline.contracts.cold_start import ColdStartFile, PublishedRow
from cra_pipeline.errors import SourceError
from cra_pipeline.integrations.cold_start import formats
from cra_pipeline.integrations.cold_start.rows import files_of, published_rows
from cra_pipeline.integrations.cold_start.table import SETS, load_set
from cra_pipeline_tests.integrations.cold_start.published import published_file

FIRST = {
    "codefeedback": ("apache-2.0", "codefeedback.jsonl:1", 3),
    "commitpackft": ("bsd-3-clause", "commitpackft.jsonl:1", 3),
    "d3": ("mit", "d3.parquet:1", 2),
    "evol_instruct_code_80k": ("cc-by-nc-sa-4.0", "evol_instruct_code_80k.json:1", 2),
    "magicoder_evol_instruct": ("apache-2.0", "magicoder_evol_instruct.jsonl:1", 2),
    "magicoder_oss_instruct": ("mit", "magicoder_oss_instruct.jsonl:1", 2),
    "opencodeinstruct": ("cc-by-4.0", "opencodeinstruct.parquet:1", 2),
    "opencoder_sft_stage2": ("mit", "opencoder_sft_stage2.parquet:1", 1),
    "search_replace": ("apache-2.0", "search_replace.jsonl:1", 2),
}
INSTRUCTIONS = '{"instruction": "a", "response": "b"}\n'


def rows(entry: ColdStartFile, root: Path) -> list[PublishedRow]:
    return list(published_rows(load_set(entry.set), entry, files_of(entry, root)))


def evol(root: Path, text: str, name: str = "a.jsonl") -> list[PublishedRow]:
    (root / name).write_text(text, encoding="utf-8")
    return rows(ColdStartFile(set="magicoder_evol_instruct", path=name), root)


@pytest.mark.parametrize("name", sorted(SETS))
def test_a_row_says_its_licence_and_its_place(name: str, tmp_path: Path) -> None:
    found = rows(published_file(name, tmp_path), tmp_path)

    assert (found[0].licence, found[0].row, len(found)) == FIRST[name]
    assert {row.dataset for row in found} == {name}


def test_lines_behind_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    assert len(evol(tmp_path, "\ufeff" + INSTRUCTIONS)) == 1


@pytest.mark.parametrize("name", sorted(SETS))
def test_a_set_says_where_its_columns_are_documented(name: str) -> None:
    assert load_set(name).source.startswith("https://")
    assert load_set(name).name == name


def test_a_set_without_reader_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ValueError, match="no published data set 'swe-bench': expected one of code"):
        load_set("swe-bench")


def test_columns_that_are_not_read_do_not_matter(tmp_path: Path) -> None:
    found = evol(tmp_path, '{"instruction": "a", "response": "b", "judge": null}\n')

    assert found[0].texts == {"instruction": "a", "response": "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.jsonl: holds no rows"),
        ("\n\n", "a.jsonl: holds no rows"),
        (INSTRUCTIONS + '{"instruction": "a", "resp', "a.jsonl:2: no JSON"),
        (INSTRUCTIONS + "[1]\n", "a.jsonl:2: holds list, expected an object of columns"),
        ('{"prompt": "a"}\n', "a.jsonl:1: no column instruction, response; found prompt"),
        (
            '{"instruction": "a", "response": 7}\n',
            "a.jsonl:1: column response holds int, expected text",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_line_and_column(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=message.replace("[", r"\[")):
        evol(tmp_path, text)


def test_text_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"instruction": "\xff"}\n')

    with pytest.raises(SourceError, match=r"a\.jsonl: cannot be read"):
        rows(ColdStartFile(set="magicoder_evol_instruct", path="a.jsonl"), tmp_path)


def test_an_array_is_read_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_CHUNK", 7)
    said = [{"instruction": f"task {n}", "response": "é]}" * n} for n in range(20)]

    found = evol(tmp_path, json.dumps(said, indent=2), "a.json")

    assert [dict(row.texts) for row in found] == said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"instruction": "a"}', "expected a JSON array"),
        ("[]", "holds no rows"),
        ("", "holds no rows"),
        (f"[{INSTRUCTIONS}", "no JSON after row 1"),
        (f"[{INSTRUCTIONS}, 7]", ":2: holds int"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=message):
        evol(tmp_path, text, "a.json")


def test_parquet_with_other_columns_is_refused_with_both(tmp_path: Path) -> None:
    pq.write_table(pa.table({"instruction": ["a"], "text": ["b"]}), tmp_path / "a.parquet")

    with pytest.raises(SourceError, match="no column response; found instruction, text"):
        rows(ColdStartFile(set="magicoder_evol_instruct", path="a.parquet"), tmp_path)


def test_parquet_with_a_column_of_another_type_is_refused_with_its_row(tmp_path: Path) -> None:
    table = pa.table({"input": ["a"], "output": ["b"], "average_test_score": [1.0]})
    pq.write_table(table, tmp_path / "a.parquet")

    with pytest.raises(SourceError, match="parquet:1: column average_test_score holds float"):
        rows(ColdStartFile(set="opencodeinstruct", path="a.parquet"), tmp_path)


def test_a_cut_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "opencodeinstruct.parquet"
    entry = published_file("opencodeinstruct", tmp_path)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(SourceError, match="no whole Parquet file"):
        rows(entry, tmp_path)


def test_a_file_of_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"expected a \.jsonl, \.json or \.parquet file"):
        evol(tmp_path, INSTRUCTIONS, "a.csv")


def test_a_pattern_names_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).write_text(INSTRUCTIONS, encoding="utf-8")
    entry = ColdStartFile(set="magicoder_evol_instruct", path=str(tmp_path / "*.jsonl"))

    assert [row.row for row in rows(entry, Path("/"))] == ["a.jsonl:1", "b.jsonl:1"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file at data/none"):
        files_of(ColdStartFile(set="d3", path="data/none-*.parquet"), tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jsonl").write_text(INSTRUCTIONS, encoding="utf-8")

    with pytest.raises(SourceError, match=r"several files a\.jsonl"):
        files_of(ColdStartFile(set="d3", path="*/a.jsonl"), tmp_path)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"licence": ""}, "states no licence"),
        ({"prompt_column": ""}, "name them as prompt_column and completion_column"),
    ],
)
def test_what_a_set_does_not_say_the_user_has_to(
    missing: dict[str, str], message: str, tmp_path: Path
) -> None:
    entry = published_file("search_replace", tmp_path).model_copy(update=missing)

    with pytest.raises(SourceError, match=message):
        rows(entry, tmp_path)


def test_a_row_whose_own_licence_is_unknown_has_that_of_the_user() -> None:
    published = load_set("d3")

    assert published.licence_of({"metadata": {"max_stars_repo_licenses": []}}, "mit") == "mit"
    assert published.licence_of({"metadata": None}, "") == ""


def test_a_null_is_the_fault_of_its_row_and_named_by_its_column(tmp_path: Path) -> None:
    found = evol(tmp_path, '{"instruction": "a", "response": null}\n' + INSTRUCTIONS)

    assert [row.fault for row in found] == ["null_column response", ""]
    assert (found[0].row, found[0].texts) == ("a.jsonl:1", {})


@pytest.mark.parametrize(("named", "licence"), [("", ""), ("mit", "mit")])
@pytest.mark.parametrize("value", [None, ""])
def test_a_row_that_tells_no_licence_has_not_that_of_its_collection(
    value: str | None, named: str, licence: str, tmp_path: Path
) -> None:
    entry = published_file("commitpackft", tmp_path)
    path = tmp_path / entry.path
    first = json.loads(path.read_text("utf-8").splitlines()[0]) | {"license": value}
    path.write_text(json.dumps(first) + "\n", "utf-8")

    (found,) = rows(entry.model_copy(update={"licence": named}), tmp_path)
    assert found.licence == licence
