"""Code that tries to do harm; it reports through the channel what it managed.

Each attack is a body of Python lines that calls ``tried(label, action)``: a label is reported
when the action raised nothing. What may not succeed is everything.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from cra_pipeline_tests.integrations.sandbox.conftest import Host

_PRELUDE = """
import ctypes, errno, json, os, pathlib, socket, subprocess, sys
facts = json.loads(os.read(int(os.environ['CRA_SECRET_FD']), 65536))
managed = []
def tried(label, action):
    try:
        action()
    except Exception:
        return
    managed.append(label)
def require(truth):
    if not truth: raise ValueError
def write(path):
    with open(path, 'a') as file: file.write('x')
libc = ctypes.CDLL(None, use_errno=True)
numbers = facts['numbers']
def call(name, *words):
    ctypes.set_errno(0)
    words = [word if isinstance(word, bytes) else ctypes.c_ulong(word) for word in words]
    result = libc.syscall(ctypes.c_long(numbers[name]), *words)
    # A filter answers EPERM, ENOSYS or EAFNOSUPPORT; any other answer came from the kernel.
    require(result >= 0 or ctypes.get_errno() not in (1, 13, 38, 97))
"""
_CLOSING = "\nos.write(int(os.environ['CRA_CHANNEL_FD']), json.dumps(managed).encode())\n"

_NUMBERS = {
    "x86_64": """
        ptrace 101, mount 165, umount2 166, chroot 161, pivot_root 155, add_key 248,
        request_key 249, keyctl 250, unshare 272, clone 56, perf_event_open 298,
        process_vm_readv 310, memfd_create 319, bpf 321, userfaultfd 323, shmget 29, msgget 68,
        semget 64, setns 308, kexec_load 246, init_module 175, open_by_handle_at 304, syslog 103,
        io_uring_setup 425, open_tree 428, fsopen 430, clone3 435, memfd_secret 447,
        mount_setattr 442, reboot 169, swapon 167""",
    "aarch64": """
        ptrace 117, mount 40, umount2 39, chroot 51, pivot_root 41, add_key 217,
        request_key 218, keyctl 219, unshare 97, clone 220, perf_event_open 241,
        process_vm_readv 270, memfd_create 279, bpf 280, userfaultfd 282, shmget 194, msgget 186,
        semget 190, setns 268, kexec_load 104, init_module 105, open_by_handle_at 265, syslog 116,
        io_uring_setup 425, open_tree 428, fsopen 430, clone3 435, memfd_secret 447,
        mount_setattr 442, reboot 142, swapon 224""",
}


def numbers(machine: str) -> dict[str, int]:
    """System-call numbers by name."""
    pairs = (pair.split() for pair in _NUMBERS[machine].split(","))
    return {name: int(number) for name, number in pairs}


ATTACKS = {
    "writes-outside": """
for path in ('/', '/etc', '/usr', '/usr/lib', '/python', '/python/lib', '/proc/sys', '/dev',
             '/bin', '/home', '/var', facts['tree'], facts['workspace']):
    tried(path, lambda: write(path + '/planted'))
for path in ('/etc/passwd', '/usr/bin/true', '/python/bin/python3'):
    tried(path, lambda: write(path))
    tried('unlink ' + path, lambda: os.unlink(path))
    tried('chmod ' + path, lambda: os.chmod(path, 0o777))
""",
    "secret-files": """
for path in ('/etc/shadow', facts['secret'], '/proc/1/root' + facts['secret'], '/root',
             '/proc/self/root/root', '/oldroot', '/newroot', '/repo/../..' + facts['secret'],
             '/proc/self/cwd/../..' + facts['secret'], '/mnt', '/sys', '/boot'):
    tried(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path).read())
os.symlink(facts['secret'], '/repo/link')
tried('link', lambda: open('/repo/link').read())
""",
    "environment-secrets": """
for path in pathlib.Path('/proc').glob('[0-9]*'):
    for name in ('environ', 'cmdline'):
        word = facts['word'].encode()
        tried(f'{path}/{name}', lambda: require(word in (path / name).read_bytes()))
""",
    "host-paths": """
for path in ('/proc/self/mountinfo', '/proc/self/mounts', '/proc/self/maps', '/proc/1/cmdline',
             '/proc/1/mountinfo', '/proc/self/environ', '/proc/self/cgroup'):
    for word in (facts['workspace'], facts['python'], facts['project']):
        tried(f'{path} {word}', lambda: require(word in open(path).read()))
""",
    "network": """
host = ('127.0.0.1', facts['port'])
tried('tcp', lambda: socket.create_connection(host, 1))
tried('tcp6', lambda: socket.create_connection(('::1', facts['port']), 1))
tried('dns', lambda: socket.getaddrinfo('example.com', 80))
tried('out', lambda: socket.create_connection(('192.0.2.1', 80), 1))
tried('interface', lambda: require(len(socket.if_nameindex()) != 1))
def udp():
    # The host's listener looks whether it arrived.
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', host)
udp()
""",
    "unix-sockets": """
for path in ('/repo/host.sock', facts['tree'] + '/host.sock', '\\0' + facts['abstract']):
    def connect():
        with socket.socket(socket.AF_UNIX) as client: client.connect(path)
    tried(repr(path), connect)
""",
    "odd-sockets": """
for family in set(range(1, 46)) - {1, 2, 10}:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        if family == 16: continue
        tried(f'{family} {kind}', lambda: socket.socket(family, kind))
tried('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
for protocol in range(1, 23):
    tried(f'netlink {protocol}', lambda: socket.socket(16, socket.SOCK_RAW, protocol))
""",
    "host-processes": """
tried('seen', lambda: require(len(list(pathlib.Path('/proc').glob('[0-9]*'))) > 3))
tried('kill', lambda: os.kill(facts['pid'], 0))
tried('pidfd', lambda: os.pidfd_open(facts['pid']))
tried('affinity', lambda: os.sched_getaffinity(facts['pid']))
""",
    "identity": """
import shutil
shutil.copy('/usr/bin/id', '/tmp/id')
tried('setuid', lambda: os.setuid(0))
tried('setgid', lambda: os.setgid(0))
tried('groups', lambda: os.setgroups([0]))
tried('chown', lambda: os.chown('/tmp/id', 0, 0))
tried('mknod', lambda: os.mknod('/tmp/disk', 0o60666, os.makedev(254, 0)))
tried('root', lambda: require(0 in os.getresuid() + os.getresgid() + tuple(os.getgroups())))
def setuid_program():
    os.chmod('/tmp/id', 0o6755)
    require(subprocess.run(['/tmp/id', '-u'], capture_output=True).stdout.strip() != b'1000')
tried('setuid program', setuid_program)
tried('capabilities', lambda: require(any(
    line.split()[1].strip('0') for line in open('/proc/self/status')
    if line.startswith(('CapInh', 'CapPrm', 'CapEff', 'CapAmb')))))
tried('privileges', lambda: require('NoNewPrivs:\\t1' not in open('/proc/self/status').read()))
tried('filter', lambda: require('Seccomp:\\t2' not in open('/proc/self/status').read()))
""",
    "system-calls": """
for name in numbers:
    if name not in ('clone', 'unshare'):
        tried(name, lambda: call(name, 0, 0, 0, 0, 0))
for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
    tried(f'unshare {flag:x}', lambda: call('unshare', flag))
    tried(f'clone {flag:x}', lambda: call('clone', flag | 17, 0, 0, 0, 0))
tried('unshare time', lambda: call('unshare', 0x80))
tried('keyring', lambda: call('add_key', b'user', b'name', b'x', 1, 2**64 - 3))
tried('memfd', lambda: os.memfd_create('x'))
""",
    "kernel-settings": """
for path in pathlib.Path('/proc/sys').rglob('*'):
    if path.is_file():
        def change():
            os.close(os.open(path, os.O_WRONLY))
        tried(str(path), change)
for path in ('/proc/sysrq-trigger', '/sys/kernel', '/proc/kcore', '/dev/kmsg', '/dev/mem',
             '/dev/sda', '/dev/fuse', '/dev/kvm', '/dev/net/tun', '/dev/vsock'):
    tried(path, lambda: os.open(path, os.O_RDWR))
tried('oom', lambda: os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000'))
tried('limit', lambda: __import__('resource').setrlimit(7, (1 << 20, 1 << 20)))
""",
    "supervisor": """
for number in range(5, 256):
    tried(f'descriptor {number}', lambda: os.fstat(number))
# The first three are this program's own pipes too.
for number in range(3, 64):
    for flag in (os.O_RDONLY, os.O_WRONLY):
        def steal():
            require(os.readlink(f'/proc/1/fd/{number}') != '/dev/null')
            os.open(f'/proc/1/fd/{number}', flag | os.O_NONBLOCK)
        tried(f'init {number} {flag}', steal)
tried('trace', lambda: require(libc.ptrace(16, 1, 0, 0) == 0))
tried('memory', lambda: open('/proc/1/mem', 'r+b').read(1))
""",
    "environment-and-wheels": """
for path in ('/env', '/env/lib', '/env/lib/module.py', '/env/bin'):
    tried('write ' + path, lambda: write(path if path.endswith('.py') else path + '/planted'))
    tried('chmod ' + path, lambda: os.chmod(path, 0o777))
    tried('times ' + path, lambda: os.utime(path))
    tried('link ' + path, lambda: os.link('/env/lib/module.py', '/env/hard'))
tried('link out', lambda: os.link('/env/lib/module.py', '/repo/hard'))
tried('rename', lambda: os.rename('/env/lib/module.py', '/env/lib/other.py'))
tried('replace', lambda: os.replace('/repo/module.py', '/env/lib/module.py'))
""",
    "traps-for-the-host": """
import shutil
shutil.rmtree('/repo/tests')
os.symlink(facts['workspace'], '/repo/tests')
os.mkfifo('/repo/results.xml')
os.symlink(facts['secret'], '/repo/report.json')
os.makedirs('/repo/.git/hooks')
open('/repo/.git/config', 'w').write('[core]\\n fsmonitor = touch /tmp/ran-on-host\\n')
tried('through the link', lambda: write('/repo/tests/planted'))
""",
}


@pytest.fixture
def facts(host: Host, workspace: Path) -> dict[str, object]:
    secret = workspace / f"secret-{host.tree.name}"
    secret.write_text("secret")
    return {
        "tree": str(host.tree),
        "workspace": str(workspace),
        "project": str(__file__.partition("/cra_pipeline_tests")[0]),
        "python": sys.base_prefix,
        "secret": str(secret),
        "pid": os.getpid(),
        "word": "a-word-of-the-host",
        "numbers": numbers(os.uname().machine),
    }


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_succeeds(
    host: Host,
    facts: dict[str, object],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    workspace: Path,
) -> None:
    environment = workspace / f"env-{host.tree.name}"
    (environment / "lib").mkdir(parents=True)
    (environment / "bin").mkdir()
    (environment / "lib" / "module.py").write_text("")
    if os.geteuid() == 0:
        for path in (environment, *environment.rglob("*")):
            os.chown(path, host.tree.stat().st_uid, host.tree.stat().st_gid)
    monkeypatch.setenv("HOST_SECRET", "a-word-of-the-host")
    request = host.request(_PRELUDE + ATTACKS[name] + _CLOSING)
    bind = request.binds[0].model_copy(update={"source": environment, "target": "/env"})
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_UNIX) as path_socket,
        socket.socket(socket.AF_UNIX) as abstract_socket,
    ):
        port = server.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))
        datagrams.setblocking(False)
        path_socket.bind(str(host.tree / "host.sock"))
        path_socket.listen()
        (host.tree / "host.sock").chmod(0o777)
        abstract = f"attack-{host.tree.name}-{os.getpid()}"
        abstract_socket.bind(f"\0{abstract}")
        abstract_socket.listen()
        known = facts | {"port": port, "abstract": abstract}
        before = _state(workspace)
        result = host.sandbox.run(
            request.model_copy(
                update={
                    "secret": json.dumps(known).encode(),
                    "binds": (*request.binds, bind),
                }
            )
        )

        with pytest.raises(BlockingIOError):
            datagrams.recv(1)
    assert result.channel, result
    assert json.loads(result.channel) == []
    assert _state(workspace) == before


def _state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, size and time of change of everything below a folder."""
    found = {str(path): path.lstat() for path in folder.rglob("*")}
    return {
        name: (each.st_mode, each.st_size, each.st_mtime_ns)
        for name, each in found.items()
        if not stat.S_ISDIR(each.st_mode) or each.st_mtime_ns
    }


@pytest.mark.parametrize("name", ["network", "host-processes", "system-calls", "odd-sockets"])
def test_without_a_sandbox_the_same_attack_succeeds(
    name: str, facts: dict[str, object], host: Host
) -> None:
    """An attack that cannot succeed anywhere would prove nothing."""
    reader, writer = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as server:
        known = facts | {"port": server.getsockname()[1], "abstract": "x", "numbers": {}}
        spare = os.dup(writer)
        known_reader, known_writer = os.pipe()
        os.write(known_writer, json.dumps(known).encode())
        os.close(known_writer)
        subprocess.run(
            [sys.executable, "-c", _PRELUDE + ATTACKS[name] + _CLOSING],
            env={"CRA_CHANNEL_FD": str(writer), "CRA_SECRET_FD": str(known_reader)},
            pass_fds=[writer, known_reader, spare],
            cwd=host.tree,
            check=True,
        )
        for end in (spare, writer, known_reader):
            os.close(end)
        with os.fdopen(reader, "rb") as file:
            managed = json.loads(file.read())

    assert managed
