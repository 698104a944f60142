"""A machine that forbids sandboxes is told so, with the command that mends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cra_pipeline.integrations.sandbox.diagnose import refusal

_PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("switch", "value", "remedy"),
    [
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces"),
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "restrict_unprivileged_userns=0"),
        ("kernel/unprivileged_userns_clone", "1", None),
    ],
)
def test_a_closed_switch_names_its_remedy(
    switch: str, value: str, remedy: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "proc/sys" / switch
    path.parent.mkdir(parents=True)
    path.write_text(value + "\n")
    status = tmp_path / "proc/self/status"
    status.parent.mkdir()
    status.write_text("CapEff:\t000001ffffffffff\n")
    found = refusal(tmp_path)

    assert (found is None) if remedy is None else (found is not None and remedy in found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lack the right to mount")
def test_a_root_without_the_right_to_mount_is_told_about_containers(tmp_path: Path) -> None:
    status = tmp_path / "proc/self/status"
    status.parent.mkdir(parents=True)
    status.write_text("Name:\tx\nCapEff:\t00000000a80425fb\n")
    found = refusal(tmp_path)

    assert found is not None
    assert "--cap-add SYS_ADMIN" in found


_CLOSED = """
import os, sys
from pathlib import Path
from cra_pipeline.contracts.sandbox import SandboxRequest
from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.sandbox import kernel
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
user = os.geteuid()
kernel.unshare(kernel.CLONE_NEWUSER)
Path('/proc/self/setgroups').write_text('deny')
Path('/proc/self/uid_map').write_text(f'{user} {user} 1')
# Here this is the number for this namespace only.
Path('/proc/sys/user/max_user_namespaces').write_text('0')
try:
    BubblewrapSandbox().run(SandboxRequest(argv=('/usr/bin/true',), tree=Path(sys.argv[1])))
except SandboxError as error:
    print(error)
"""


def test_where_namespaces_are_switched_off_the_sandbox_refuses(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CLOSED, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=_PROJECT,
        check=True,
    )

    assert "/proc/sys/user/max_user_namespaces is 0" in done.stdout, done
    assert "sysctl -w user.max_user_namespaces=15000" in done.stdout
