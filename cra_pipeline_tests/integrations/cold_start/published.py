"""The fixtures as files of their published formats; the Parquet ones are written here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cra_pipeline.contracts.cold_start import ColdStartFile

FIXTURES = Path(__file__).parent / "fixtures"
_SAID = "```python\ndef double(number):\n    return 2 * number\n```"
_ASKED = "Write a function that doubles a number."
_HUNKS = (
    "<|diff|>@@ -0,0 +1,2 @@\n+def double(number):\n+    return number"
    "<|diff|>@@ -2 +2 @@\n-    return number\n+    return 2 * number\n"
)

PARQUET: dict[str, list[dict[str, Any]]] = {
    "opencodeinstruct": [
        {
            "id": "1",
            "input": _ASKED,
            "output": _SAID,
            "domain": "generic",
            "generation_algorithm": "self-instruct",
            "llm_judgement": "{}",
            "unit_tests": "[]",
            "tests_execution_status": "[]",
            "average_test_score": "1",
        },
        {
            "id": "2",
            "input": "Write it wrongly.",
            "output": "```python\nx = 1\n```",
            "domain": "generic",
            "generation_algorithm": "self-instruct",
            "llm_judgement": "{}",
            "unit_tests": "[]",
            "tests_execution_status": "[]",
            "average_test_score": "0.7",
        },
    ],
    "opencoder_sft_stage2": [
        {
            "seq_id": 1,
            "instruction": _ASKED,
            "output": "It doubles.",
            "code": "def double(number):\n    return 2 * number\n",
            "entry_point": "double",
            "testcase": ["assert double(2) == 4"],
        }
    ],
    "d3": [
        {
            "prompt": f"{_ASKED}\n",
            "completion": f"{_ASKED}\n{_HUNKS}",
            "program_start": "",
            "lines_changed": 3,
            "source_program_id": 9,
            "metadata": {"ext": "py", "max_stars_repo_licenses": ["mit"]},
            "source": "the-stack",
        },
        {
            "prompt": "Do something else.",
            "completion": "<|diff|>@@ -7 +7 @@\n-gone\n+new",
            "program_start": "x = 1\n",
            "lines_changed": 1,
            "source_program_id": 10,
            "metadata": {"ext": "py", "max_stars_repo_licenses": ["mit"]},
            "source": "the-stack",
        },
    ],
}
NAMED = {
    "search_replace": {
        "licence": "apache-2.0",
        "prompt_column": "question",
        "completion_column": "reply",
    }
}
"""What a user has to say beside the path."""


def published_file(name: str, folder: Path) -> ColdStartFile:
    """The fixture of a set as a file of ``folder``, and the entry that names it."""
    if name in PARQUET:
        path = folder / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(PARQUET[name]), path)
    else:
        source = next(FIXTURES.glob(f"{name}.json*"))
        path = folder / source.name
        shutil.copyfile(source, path)
    return ColdStartFile.model_validate({"set": name, "path": path.name, **NAMED.get(name, {})})
