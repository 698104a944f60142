"""What a request promises, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cra_pipeline.contracts.sandbox import Bind, Ending, Limits, SandboxRequest
from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox

if TYPE_CHECKING:
    from cra_pipeline_tests.integrations.sandbox.conftest import Host


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of everything below a folder."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            b"" if path.is_dir() or path.is_symlink() else path.read_bytes(),
        )
        for path in sorted(folder.rglob("*"))
    }


def test_output_and_exit_code_come_back(host: Host) -> None:
    result = host.run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")

    assert (result.ending, result.exit_code) == (Ending.EXITED, 7)
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_a_signal_is_told_from_an_exit(host: Host) -> None:
    result = host.run("import os; os.kill(os.getpid(), 11)")

    assert (result.ending, result.exit_code) == (Ending.SIGNALLED, -11)


def test_the_tree_is_writable_inside_and_unchanged_outside(host: Host) -> None:
    before = snapshot(host.tree)
    result = host.run(
        "import os, shutil\n"
        "open('module.py', 'a').write('more')\n"
        "os.chmod('module.py', 0o777)\n"
        "shutil.rmtree('tests'); os.mkdir('tests'); open('tests/new', 'w').close()\n"
        "print(sorted(os.listdir('.')), os.listdir('tests'), open('module.py').read())\n"
    )

    assert result.stdout == "['module.py', 'tests'] ['new'] VALUE = 1\nmore\n", result
    assert snapshot(host.tree) == before


def test_layers_lie_over_the_tree_and_the_last_one_wins(host: Host) -> None:
    layers = []
    for name in ("first", "second"):
        layer = host.tree.parent / f"{host.tree.name}-{name}"
        (layer / "tests").mkdir(parents=True)
        (layer / "tests" / "both.py").write_text(name)
        (layer / "tests" / f"{name}.py").write_text(name)
        layers.append(layer)
    result = host.run(
        "import os\nprint(sorted(os.listdir('tests')), open('tests/both.py').read())",
        layers=tuple(layers),
    )

    assert result.stdout == "['both.py', 'first.py', 'second.py', 'test_module.py'] second\n"


def test_nothing_is_inherited_but_what_the_request_names(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST_ONLY", "1")
    result = host.run(
        "import os\nprint(sorted(os.environ), os.listdir('/proc/self/fd'))", env=(("A", "b"),)
    )
    # The last descriptor is the listing's own; bubblewrap sets PWD, Python the character type.
    names = "['A', 'CRA_CHANNEL_FD', 'LC_CTYPE', 'LD_LIBRARY_PATH', 'PWD']"

    assert result.stdout.replace("'LD_LIBRARY_PATH', ", "") == (
        names.replace("'LD_LIBRARY_PATH', ", "") + " ['0', '1', '2', '3', '4']\n"
    )


def test_secret_and_channel_are_pipes(host: Host) -> None:
    result = host.run(
        "import os\n"
        "secret = int(os.environ['CRA_SECRET_FD'])\n"
        "os.write(int(os.environ['CRA_CHANNEL_FD']), os.read(secret, 99) + os.read(secret, 99))\n",
        secret=b"nonce\0",
    )

    assert result.channel == b"nonce\0"


def test_times_of_files_survive_so_that_compiled_modules_stay_valid(host: Host) -> None:
    os.utime(host.tree / "module.py", ns=(10**18, 10**18 + 123456789))
    result = host.run("import os; print(os.stat('module.py').st_mtime_ns)")

    assert result.stdout == f"{10**18 + 123456789}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user cannot read it either")
def test_root_may_keep_its_workspace_to_itself(host: Host) -> None:
    if not isinstance(host.sandbox, BubblewrapSandbox):
        pytest.skip("an ordinary user owns what it shows")
    (host.tree / "module.py").chmod(0o600)
    (host.tree / "tests").chmod(0o700)
    host.tree.chmod(0o700)
    result = host.run("import os; print(open('module.py').read(), os.listdir('tests'))")

    assert result.stdout == "VALUE = 1\n ['test_module.py']\n", result.stderr


def test_loopback_works_inside(host: Host) -> None:
    result = host.run(
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "client = socket.create_connection(('localhost', server.getsockname()[1]), 5)\n"
        "server.accept()[0].sendall(b'hello')\n"
        "print(client.recv(5), socket.gethostname())\n"
    )

    assert result.stdout == "b'hello' sandbox\n", result.stderr


def test_a_missing_program_is_the_sandbox_failure_and_not_the_tests(host: Host) -> None:
    result = host.sandbox.run(SandboxRequest(argv=("/no/such",), tree=host.tree))

    assert result.ending is Ending.NOT_STARTED
    assert "/no/such" in result.detail


def test_many_threads_may_run_at_once(host: Host) -> None:
    if not isinstance(host.sandbox, BubblewrapSandbox):
        pytest.skip("the other process reads one request at a time")
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda n: host.run(f"print({n})").stdout, range(16)))

    assert outputs == [f"{n}\n" for n in range(16)]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/repo/tests/new", "the sandbox's own"),
        ("/tmp/new", "the sandbox's own"),
        ("/usr/new", "the sandbox's own"),
        ("env", "plain absolute path"),
        ("/env/../repo/x", "plain absolute path"),
        ("/", "plain absolute path"),
        ("/python/lib", "one lies in the other"),
        ("/python", "one lies in the other"),
    ],
)
def test_no_mount_point_lies_where_foreign_code_could_move_it(
    target: str, reason: str, tmp_path: Path
) -> None:
    binds = (Bind(source=tmp_path, target="/python"), Bind(source=tmp_path, target=target))
    request = SandboxRequest(argv=("/usr/bin/true",), tree=tmp_path, binds=binds)

    with pytest.raises(SandboxError, match=reason):
        BubblewrapSandbox().run(request)


def test_a_socket_is_no_bind(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        bind = Bind(source=path, target="/socket")
        request = SandboxRequest(argv=("/usr/bin/true",), tree=tmp_path, binds=(bind,))

        with pytest.raises(SandboxError, match="neither a file nor a folder"):
            BubblewrapSandbox().run(request)


@pytest.mark.parametrize("field", ["tree", "layers", "binds"])
def test_a_missing_source_is_named(field: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    values: dict[str, object] = {
        "tree": gone,
        "layers": (gone,),
        "binds": (Bind(source=gone, target="/env"),),
    }
    request = SandboxRequest(argv=("/usr/bin/true",), tree=tmp_path)

    with pytest.raises(SandboxError, match="gone"):
        BubblewrapSandbox().run(request.model_copy(update={field: values[field]}))


def test_a_limit_above_the_callers_own_is_cut_down(host: Host) -> None:
    result = host.run("print(1)", limits=Limits(open_files=1 << 40, wall_s=20.0))

    assert result.stdout == "1\n", result


LISTING = """
import glob, json, os, site, sys
folders = ["/usr/local", *glob.glob("/python/local")]
for prefix in ("/python", "/usr"):
    for kind in ("site", "dist"):
        folders += glob.glob(f"{prefix}/lib*/python3*/{kind}-packages")
print(json.dumps([len(folders), sorted({name for each in folders for name in os.listdir(each)})]))
"""


@pytest.mark.parametrize("prefix", [sys.base_prefix, "/usr"])
def test_packages_of_the_host_are_not_shown(host: Host, prefix: str) -> None:
    if not Path(prefix, "bin", "python3").exists():
        pytest.skip(f"{prefix} has no interpreter")
    result = host.run(LISTING, binds=(Bind(source=Path(prefix), target="/python"),))

    assert (result.ending, result.stderr) == (Ending.EXITED, "")
    count, names = json.loads(result.stdout)
    assert count >= 2
    assert names == []


def test_packages_of_an_environment_are_shown(host: Host) -> None:
    folder = host.tree / "env"
    (folder / "lib/python3.11/site-packages/mine").mkdir(parents=True)
    binds = (Bind(source=host.python, target="/python"), Bind(source=folder, target="/env"))
    code = "import os; print(os.listdir('/env/lib/python3.11/site-packages'))"

    assert host.run(code, binds=binds).stdout == "['mine']\n"
