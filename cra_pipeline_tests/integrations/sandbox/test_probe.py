"""What doctor is told."""

from __future__ import annotations

import os

from cra_pipeline.integrations.sandbox.probe import probe


def test_a_probe_says_which_program_and_as_whom() -> None:
    found = probe()

    assert "bwrap" in found.program
    assert found.runs_as == ("this user" if os.geteuid() else "unprivileged user")
    assert found.tree in {"overlay", "copy"}
    assert 0 < found.start_s < 10
