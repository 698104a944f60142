"""One nursery per process, and it is nobody else's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil

from cra_pipeline.contracts.sandbox import SandboxRequest
from cra_pipeline.integrations.sandbox import launcher
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox

if TYPE_CHECKING:
    from pathlib import Path


def test_a_fork_of_the_pipeline_gets_a_nursery_of_its_own(tmp_path: Path) -> None:
    request = SandboxRequest(argv=("/usr/bin/true",), tree=tmp_path)
    BubblewrapSandbox().run(request)
    mine = launcher._launchers[os.getpid()]
    child = os.fork()
    if child == 0:
        code = BubblewrapSandbox().run(request).exit_code
        launcher._discard()
        os._exit(code)

    assert os.waitpid(child, 0)[1] == 0
    assert launcher._launchers[os.getpid()] is mine
    assert BubblewrapSandbox().run(request).exit_code == 0


def test_a_closed_launcher_leaves_no_process(tmp_path: Path) -> None:
    BubblewrapSandbox().run(SandboxRequest(argv=("/usr/bin/true",), tree=tmp_path))
    nursery = launcher._launchers[os.getpid()]._process.pid
    launcher._discard()

    assert not psutil.pid_exists(nursery)
