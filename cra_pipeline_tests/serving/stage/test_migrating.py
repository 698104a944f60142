"""Two servers asked the same logged prompts, over real sockets and by the command itself."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from click import ClickException
from click.testing import CliRunner

from cra_pipeline.cli.migrate import _require_answers
from cra_pipeline.cli.migrate import migrate as command
from cra_pipeline.contracts.serving import AskedBoth, MigrationReport, ServerInstance
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.files import read_record
from cra_pipeline.integrations.gateway.client import Door
from cra_pipeline.integrations.responders.ollama import require_near
from cra_pipeline.integrations.serving.instance import Start
from cra_pipeline.registry.stage.in_service import in_service
from cra_pipeline.serving.stage.deploying import Means
from cra_pipeline.serving.stage.migrating import MigrationPolicy, migrate
from cra_pipeline.serving.stage.running import Terms
from cra_pipeline.serving.stage.sides import Address, at_address, of_registry
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.integrations.gateway.clients import SCOPE, TOKEN, service
from cra_pipeline_tests.integrations.responders.servers import request
from cra_pipeline_tests.serving.fake_program import REJECT
from cra_pipeline_tests.serving.fake_server import fake_server
from cra_pipeline_tests.serving.logged import log_prompts
from cra_pipeline_tests.serving.worlds import stand_in_world


def test_an_old_server_and_the_registrys_own_are_compared(layout: Layout) -> None:
    world = stand_in_world(layout)
    world.serve("scope", "r01")
    log_prompts(layout, *(f"File: {n}.py yes?" for n in range(6)), f"File: x.py {REJECT}")
    log_prompts(layout, "Edit", "Edit more", call_kind="implement", repo="other")

    def starter(instance: ServerInstance) -> Start:
        return partial(fake_server, instance.base_id, layout.scratch)

    means = Means(in_service, Terms(memory=8 * 2**30), starter)
    told: list[tuple[int, int]] = []
    with fake_server("qwen", layout.root / "old") as old:
        report = migrate(
            layout,
            at_address(Address(url=old.base_url, model="qwen")),
            of_registry(layout, means),
            policy=MigrationPolicy(sample=50, tokens=16),
            progress=lambda done, total, _: told.append((done, total)),
        )

    implement, scope = report.kinds
    assert (scope.old_model, scope.new_model) == ("qwen", "scope-v1")
    assert scope.agreement is not None
    assert (scope.prompts, scope.agreement.value) == (7, 1.0)
    assert (scope.old_errors, scope.new_errors) == (1, 1)
    assert implement.agreement is not None
    assert implement.agreement.value == 0.0
    assert "implement: tiny-4k-base-v1 answers in place of qwen" in report.changes
    assert report.new_memory_bytes is not None
    assert told[-1] == (9, 9)
    assert read_record(layout.root / "migration" / "migration.json", MigrationReport) == report
    page = (layout.root / "migration" / "migration.html").read_text()
    assert "100% of the answers change" in page
    assert old.base_url.removesuffix("/v1") in page


def test_the_command_prints_figures_and_where_the_report_is(layout: Layout) -> None:
    log_prompts(layout, "File: till.py yes?", "File: test.py")
    with fake_server("a", layout.root / "a") as old, fake_server("b", layout.root / "b") as new:
        result = CliRunner().invoke(
            command,
            [
                "--check", "--old", old.base_url, "--old-model", "a", "--new", new.base_url,
                "--new-model", "scope=b", "--new-model", "b",
            ],
        )  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "scope: b answers in place of a" in result.output
    assert result.output.rstrip().endswith("migration.html")


@pytest.mark.parametrize("mute", ["old", "new"])
def test_a_side_without_one_answer_is_told_with_its_reason_and_ends_the_command_with_1(
    mute: str, layout: Layout
) -> None:
    log_prompts(layout, "File: till.py yes?", "File: test.py")
    with fake_server("a", layout.root / "a") as server:
        there, nowhere = server.base_url, "http://127.0.0.1:1"
        old, new = (nowhere, there) if mute == "old" else (there, nowhere)
        result = CliRunner().invoke(
            command,
            ["--check", "--old", old, "--old-model", "a", "--new", new, "--new-model", "a"],
        )
    said = " ".join(result.output.split())

    assert result.exit_code == 1, result.output
    assert f"{mute}, http://127.0.0.1:1: no answer to 2 of 2; 2 times: " in said
    assert "ClientConnectorError" in said
    assert f"{mute}, http://127.0.0.1:1: not one answer" in said


def test_one_answer_of_each_side_is_a_comparison() -> None:
    made = example(MigrationReport)
    row = example(AskedBoth)
    assert isinstance(made, MigrationReport)
    rows = [row.model_copy(update={"old_error": "x", "new_error": new}) for new in ("", "y")]
    whole = made.model_copy(update={"answers": (*rows, row.model_copy(update={"old_error": ""}))})

    _require_answers(whole)
    with pytest.raises(ClickException, match=r"^old, .*: not one answer"):
        _require_answers(made.model_copy(update={"answers": tuple(rows)}))


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--check"),
        (("--check", "--old", "http://h", "--old-model", "scoop=m"), "no such call kind"),
        (("--check", "--old", "http://h", "--old-model", "scope=m"), "expected one MODEL"),
        (("--check", "--old", "h:1", "--old-model", "m"), "expected such as"),
        (("--check", "--old", "http://h", "--old-model", "m", "--new-model", "m"), "of a --new"),
    ],
)
def test_wrong_use_is_told(options: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(command, options)

    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_without_logged_prompts_there_is_nothing_to_compare(layout: Layout) -> None:
    nobody = Address(url="http://127.0.0.1:1", model="m")
    with pytest.raises(ModelError, match="no logged prompt"):
        migrate(layout, at_address(nobody), at_address(nobody))


def test_a_gateway_is_asked_in_its_own_protocol_and_its_token_is_never_shown(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with service(layout.root) as port:
            url = f"http://127.0.0.1:{port}/{TOKEN}"
            async with at_address(Address(url=url, model="m")) as side:
                answer = await side.responder.answer(request(system=SCOPE))
                assert (answer.text, answer.responder) == ("yes", "ollama")
                assert TOKEN not in side.name
                with pytest.raises(ModelError, match="status 422") as caught:
                    await side.responder.answer(request(system="Who?"))
                assert TOKEN not in str(caught.value) + repr(side)

    asyncio.run(work())
    monkeypatch.setenv("CRA_PIPELINE_AIR_GAP", "1")
    with pytest.raises(ModelError, match="not a loopback address"):
        require_near(Door(address="http://models.example"), {"CRA_PIPELINE_AIR_GAP": "1"})


def test_a_service_is_asked_by_its_openai_address_too(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_KEY", TOKEN)

    async def work() -> str:
        async with service(layout.root) as port:
            url = f"http://127.0.0.1:{port}/v1"
            address = Address(url=url, model="cra-classifier", key_variable="SERVICE_KEY")
            async with at_address(address) as side:
                return (await side.responder.answer(request(system=SCOPE))).text

    assert asyncio.run(work()) == "yes"
