"""The moment between birth and bubblewrap."""

from __future__ import annotations

import os

from cra_pipeline.integrations.sandbox.launch import _require_nursery


def _exit_code_of_one_that_looks(*, nursery_lives: bool) -> int:
    reader, writer = os.pipe()
    if not nursery_lives:
        os.close(writer)
    child = os.fork()
    if child == 0:
        _require_nursery(reader)
        os._exit(0)
    os.close(reader)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if nursery_lives:
        os.close(writer)
    return code


def test_a_run_whose_nursery_died_meanwhile_ends_itself() -> None:
    assert _exit_code_of_one_that_looks(nursery_lives=False) == 1
    assert _exit_code_of_one_that_looks(nursery_lives=True) == 0
