"""Every name in the table leads to a responder, and what it lacks is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cra_pipeline.contracts.serving import Routes
from cra_pipeline.integrations.ranking.shelves import Shelves
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.served import Service
from cra_pipeline.integrations.responders.table import RESPONDERS, load_responder
from cra_pipeline_tests.integrations.responders.test_recorded import one, write

LOCAL = Endpoint(base_url="http://127.0.0.1:1/v1", model="m")


@pytest.mark.parametrize("name", sorted(RESPONDERS))
def test_every_name_leads_to_a_responder_of_that_name(name: str, tmp_path: Path) -> None:
    write(tmp_path / "calls.jsonl", one())
    ingredients = Ingredients(
        endpoint=LOCAL,
        recordings=tmp_path,
        by_kind={"scope": "openai"},
        otherwise="gold",
        shelves=Shelves(),
        service=Service(routes=Routes(), lanes={}),
    )

    assert load_responder(name, ingredients).name == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "golden",
            "no responder 'golden': expected one of gold, mixture, openai, ranked, recorded",
        ),
        ("openai", "needs the address"),
        ("ranked", "needs the repository"),
        ("recorded", "needs a folder"),
        ("mixture", "no responder ''"),
    ],
)
def test_what_a_responder_lacks_is_told(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        load_responder(name, Ingredients())


def test_the_table_imports_no_responder_before_it_is_asked_for() -> None:
    program = (
        "import sys; import cra_pipeline.integrations.responders.table; "
        "print([name for name in sys.modules if name in ('aiohttp', 'stamina')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
