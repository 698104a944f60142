"""Clones end at their pin, are whole, and run nothing of their source."""

from __future__ import annotations

import contextlib
import functools
import http.server
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cra_pipeline.errors import SourceError
from cra_pipeline.integrations.git.address import Address, parse_address
from cra_pipeline.integrations.git.clone import PINNED, CloneFacts, clone_pinned, resolve_commit
from cra_pipeline.integrations.git.inspection import broken_objects, list_refs
from cra_pipeline.integrations.git.run import git
from cra_pipeline_tests.histories import FIRST, Upstream, drop_object, git_daemon, objects_of


def clone(source: Path | str, revision: str, tmp_path: Path) -> CloneFacts:
    target, scratch = tmp_path / "target.git", tmp_path / "scratch"
    return clone_pinned(parse_address(str(source)), revision, target, scratch)


def resolve(source: Path | str, revision: str, tmp_path: Path) -> str:
    return resolve_commit(parse_address(str(source)), revision, tmp_path / "scratch").sha


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    """Three commits; the pin is the second, and a tag, a branch and a stash lie after it."""
    made = Upstream(tmp_path / "served" / "upstream")
    made.commit({"src/lib.py": "x = 1\n"})
    made.tag("v1", annotated=True)
    pin = made.commit({"src/lib.py": "x = 2\n"})
    made.tag("pin")
    made.commit({"src/lib.py": "x = 'the future'\n"})
    made.tag("v2", annotated=True)
    made.run("branch", "other")
    made.run("update-ref", "refs/stash", "HEAD")
    made.run("branch", "--force", "past", pin)
    return made


@pytest.fixture
def daemon(upstream: Upstream) -> Iterator[str]:
    upstream.bare(upstream.path.parent / "bare.git")
    with git_daemon(upstream.path.parent) as address:
        yield f"{address}/bare.git"


def test_nothing_after_the_pin_is_left_in_a_clone(upstream: Upstream, tmp_path: Path) -> None:
    pin, future = upstream.run("rev-parse", "pin"), upstream.run("rev-parse", "main")
    blob = upstream.run("rev-parse", "main:src/lib.py")
    facts = clone(upstream.path, pin, tmp_path)
    present = objects_of(tmp_path / "target.git")

    assert facts == CloneFacts(commits=2, tags=("pin", "v1"), unreadable_tags=0)
    assert present >= {pin, upstream.run("rev-parse", "v1")}
    assert present.isdisjoint({future, blob, upstream.run("rev-parse", "v2")})
    assert dict(list_refs(tmp_path / "target.git"))[PINNED] == pin
    assert {name for name, _ in list_refs(tmp_path / "target.git")} == {
        PINNED,
        "refs/tags/pin",
        "refs/tags/v1",
    }
    assert not broken_objects(tmp_path / "target.git")
    assert not (tmp_path / "scratch").exists()


def test_a_served_clone_equals_the_local_one(
    upstream: Upstream, daemon: str, tmp_path: Path
) -> None:
    pin = upstream.run("rev-parse", "pin")
    facts = clone(daemon, pin, tmp_path)
    served = objects_of(tmp_path / "target.git")
    refs = list_refs(tmp_path / "target.git")

    assert facts == clone(upstream.path, pin, tmp_path)
    assert served == objects_of(tmp_path / "target.git")
    assert refs == list_refs(tmp_path / "target.git")


def test_a_clone_can_come_over_dumb_http(upstream: Upstream, tmp_path: Path) -> None:
    bare = upstream.bare(tmp_path / "www" / "bare.git")
    git(bare, "update-server-info")
    handler = functools.partial(QuietFiles, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/bare.git"
        pin = resolve(url, "pin", tmp_path)
        facts = clone(url, pin, tmp_path)
        server.shutdown()

    assert facts.commits == 2
    assert facts.tags == ("pin", "v1")


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name inherited
        pass


@pytest.mark.parametrize("kind", ["checkout", "git folder", "bare", "worktree", "file url"])
def test_local_sources_of_every_kind_are_read(
    kind: str, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.run("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"), "pin")
    sources: dict[str, Path | str] = {
        "checkout": upstream.path,
        "git folder": upstream.path / ".git",
        "bare": upstream.bare(tmp_path / "bare.git"),
        "worktree": tmp_path / "linked",
        "file url": f"file://{upstream.path}",
    }
    source = sources[kind]
    head = "pin" if kind == "worktree" else "main"

    assert resolve(source, "HEAD", tmp_path) == upstream.run("rev-parse", head)
    assert clone(source, upstream.run("rev-parse", "pin"), tmp_path).commits == 2


@pytest.mark.parametrize("revision", ["HEAD", "main", "other", "v2", "pin"])
def test_revisions_resolve_alike_from_disk_and_from_a_server(
    revision: str, upstream: Upstream, daemon: str, tmp_path: Path
) -> None:
    expected = upstream.run("rev-parse", f"{revision}^{{commit}}")

    assert resolve(upstream.path, revision, tmp_path) == expected
    assert resolve(daemon, revision, tmp_path) == expected
    assert resolve(daemon, expected, tmp_path) == expected


def test_the_date_of_a_pin_is_its_committer_date(
    upstream: Upstream, daemon: str, tmp_path: Path
) -> None:
    for source in (str(upstream.path), daemon):
        pin = resolve_commit(parse_address(source), "pin", tmp_path / "scratch")

        assert pin.committed_at == FIRST + 3600


def test_a_pin_that_no_branch_reaches_is_still_fetched(upstream: Upstream, tmp_path: Path) -> None:
    bare = upstream.bare(tmp_path / "www" / "bare.git")
    pin = upstream.run("rev-parse", "main")
    for name in ("refs/heads/main", "refs/heads/other", "refs/tags/v2", "refs/stash"):
        git(bare, "update-ref", "-d", name)
    git(bare, "update-ref", "refs/heads/main", upstream.run("rev-parse", "pin"))
    with git_daemon(bare.parent) as address:
        facts = clone(f"{address}/bare.git", pin, tmp_path)

    assert facts.commits == 3


def test_a_dropped_connection_is_tried_again(
    upstream: Upstream, daemon: str, tmp_path: Path
) -> None:
    with Relay(("127.0.0.1", 0), DropFirst) as relay:
        relay.onward = urlsplit(daemon).port or 0
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        found = resolve(f"git://127.0.0.1:{relay.server_address[1]}/bare.git", "pin", tmp_path)
        relay.shutdown()

    assert found == upstream.run("rev-parse", "pin")
    assert relay.calls == 3


class Relay(socketserver.ThreadingTCPServer):
    onward = 0
    calls = 0


class DropFirst(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """Hang up on the first caller, and pass all others on."""
        assert isinstance(self.server, Relay)
        self.server.calls += 1
        if self.server.calls == 1:
            return
        with socket.create_connection(("127.0.0.1", self.server.onward)) as callee:
            answers = threading.Thread(target=pump, args=(callee, self.request))
            answers.start()
            pump(self.request, callee)
            answers.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    # Either side may hang up first.
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


HOSTILE = """\
[core]
\trepositoryformatversion = 0
\tbare = false
\tfsmonitor = {mark}
\thooksPath = {hooks}
\tsshCommand = {mark}
\talternateRefsCommand = {mark}
\tpager = {mark}
\tgitProxy = {mark}
\teditor = {mark}
\taskPass = {mark}
[uploadpack]
\tpackObjectsHook = {mark}
\tallowFilter = true
[filter "x"]
\tsmudge = {mark}
\tclean = {mark}
\tprocess = {mark}
\trequired = true
[diff "x"]
\ttextconv = {mark}
\tcommand = {mark}
[diff]
\texternal = {mark}
[credential]
\thelper = !{mark}
[remote "origin"]
\turl = ext::{mark}
\tvcs = ext
\tuploadpack = {mark}
[include]
\tpath = {included}
[gpg]
\tprogram = {mark}
[protocol "ext"]
\tallow = always
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Upstream:
    """A repository in which every setting, hook and filter leaves ``marker`` behind."""
    made = Upstream(tmp_path / "hostile")
    made.commit({"a.py": "x = 1\n", ".gitattributes": "*.py filter=x diff=x\n"})
    made.run("worktree", "add", "--quiet", str(tmp_path / "hostile-linked"), "-b", "linked")
    mark = tmp_path / "mark.sh"
    mark.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{tmp_path / 'marker'}'\nexit 1\n")
    mark.chmod(0o755)
    hooks = made.path / ".git" / "hooks"
    for folder in (hooks, tmp_path / "other-hooks"):
        folder.mkdir()
        for name in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"):
            shutil.copy(mark, folder / name)
    included = tmp_path / "included.cfg"
    included.write_text(f"[core]\n\tfsmonitor = {mark}\n")
    (made.path / ".git" / "config").write_text(
        HOSTILE.format(mark=mark, hooks=tmp_path / "other-hooks", included=included)
    )
    (made.path / ".git" / "info").mkdir(exist_ok=True)
    (made.path / ".git" / "info" / "attributes").write_text("* filter=x diff=x\n")
    return made


def test_the_trap_springs_for_plain_git(hostile: Upstream, tmp_path: Path) -> None:
    # Without this the next test could pass because its traps are dead.
    plain = {"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/"}
    subprocess.run(
        ["git", "-C", str(hostile.path), "status"], env=plain, capture_output=True, check=False
    )

    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("kind", ["checkout", "worktree", "git folder", "file url"])
def test_nothing_of_a_hostile_source_executes(kind: str, hostile: Upstream, tmp_path: Path) -> None:
    sources: dict[str, Path | str] = {
        "checkout": hostile.path,
        "worktree": tmp_path / "hostile-linked",
        "git folder": hostile.path / ".git",
        "file url": f"file://{hostile.path}",
    }
    source = sources[kind]
    pin = resolve(source, "HEAD", tmp_path)
    clone(source, pin, tmp_path)

    assert not (tmp_path / "marker").exists()
    assert (tmp_path / "target.git" / "config").read_text().count("[") == 1
    assert not (tmp_path / "target.git" / "hooks").exists()


def test_a_served_hostile_source_executes_nothing_here(hostile: Upstream, tmp_path: Path) -> None:
    bare = tmp_path / "www" / "evil.git"
    shutil.copytree(hostile.path / ".git", bare)
    (bare / "config").write_text("[core]\n\tbare = true\n")
    with git_daemon(bare.parent) as address:
        pin = resolve(f"{address}/evil.git", "HEAD", tmp_path)
        clone(f"{address}/evil.git", pin, tmp_path)

    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["alternates", "http-alternates"])
def test_borrowed_objects_are_refused(name: str, upstream: Upstream, tmp_path: Path) -> None:
    info = upstream.path / ".git" / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / name).write_text(f"{tmp_path}\n")

    with pytest.raises(SourceError, match=r"borrows objects .*repack -a -d"):
        resolve(upstream.path, "HEAD", tmp_path)


def test_a_forged_commit_graph_cannot_rewrite_history(upstream: Upstream, tmp_path: Path) -> None:
    upstream.run("commit-graph", "write", "--reachable")
    graph = upstream.path / ".git" / "objects" / "info" / "commit-graph"
    content = bytearray(graph.read_bytes())
    graph.chmod(0o644)
    # The first parent of every commit with a parent becomes "none" (0x70000000).
    data = content.index(bytes.fromhex(upstream.run("rev-parse", "pin^{tree}"))) + 20
    content[data : data + 4] = bytes.fromhex("70000000")
    graph.write_bytes(content)
    pin = upstream.run("rev-parse", "pin")
    facts = clone(upstream.path, pin, tmp_path)

    assert upstream.run("rev-list", "--count", pin) == "1"
    assert facts.commits == 2
    assert facts.tags == ("pin", "v1")


def test_a_shallow_clone_is_refused_with_the_command_that_mends_it(
    upstream: Upstream, tmp_path: Path
) -> None:
    shallow = tmp_path / "shallow"
    git(None, "clone", "--quiet", "--depth=1", f"file://{upstream.path}", str(shallow))

    with pytest.raises(SourceError, match=r"shallow .*--unshallow"):
        resolve(shallow, "HEAD", tmp_path)

    Upstream.at(shallow).run("fetch", "--quiet", "--unshallow")

    assert clone(shallow, resolve(shallow, "HEAD", tmp_path), tmp_path).commits == 3


def test_a_shallow_server_is_refused(upstream: Upstream, tmp_path: Path) -> None:
    shallow = tmp_path / "www" / "shallow.git"
    git(None, "clone", "--quiet", "--bare", "--depth=2", f"file://{upstream.path}", str(shallow))
    with git_daemon(shallow.parent) as address, pytest.raises(SourceError, match="shallow"):
        clone(f"{address}/shallow.git", upstream.run("rev-parse", "main"), tmp_path)


def test_a_partial_clone_is_refused_by_the_missing_object_and_mended_as_told(
    upstream: Upstream, tmp_path: Path
) -> None:
    upstream.run("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial.git"
    url = f"file://{upstream.path}"
    git(None, "clone", "--quiet", "--bare", "--filter=blob:none", url, str(partial))
    blob = upstream.run("rev-parse", "main:src/lib.py")
    pin = upstream.run("rev-parse", "main")

    with pytest.raises(SourceError, match="a partial clone, 3 objects") as refusal:
        clone(partial, pin, tmp_path)
    with git_daemon(upstream.path.parent) as address:
        git(partial, "config", "remote.origin.url", f"{address}/upstream/.git")
        told = str(refusal.value).split("`")[1].removeprefix(f"git -C {partial} ").split()
        git(partial, *told)

    assert blob in objects_of(partial)
    assert clone(partial, pin, tmp_path).commits == 3


def test_a_missing_object_is_named(upstream: Upstream, tmp_path: Path) -> None:
    bare = upstream.bare(tmp_path / "bare.git")
    blob = upstream.run("rev-parse", "pin:src/lib.py")
    drop_object(bare, blob)

    with pytest.raises(SourceError, match=f"damaged, 1 objects .*{blob}"):
        clone(bare, upstream.run("rev-parse", "main"), tmp_path)

    assert not (tmp_path / "target.git").exists()
    assert not (tmp_path / "scratch").exists()


def test_an_object_missing_only_after_the_pin_does_no_harm(
    upstream: Upstream, tmp_path: Path
) -> None:
    bare = upstream.bare(tmp_path / "bare.git")
    drop_object(bare, upstream.run("rev-parse", "main:src/lib.py"))

    assert clone(bare, upstream.run("rev-parse", "pin"), tmp_path).commits == 2


def test_a_clone_replaces_an_older_one_only_when_it_is_whole(
    upstream: Upstream, tmp_path: Path
) -> None:
    pin = upstream.run("rev-parse", "pin")
    clone(upstream.path, pin, tmp_path)
    drop_object(upstream.path / ".git", upstream.run("rev-parse", "main:src/lib.py"))

    with pytest.raises(SourceError):
        clone(upstream.path, upstream.run("rev-parse", "main"), tmp_path)

    assert dict(list_refs(tmp_path / "target.git"))[PINNED] == pin


@pytest.mark.parametrize("revision", ["0" * 40, "no-such-branch", "HEAD^{blob}", "--all", "@{-1}"])
def test_an_unreadable_revision_is_refused_from_disk(
    revision: str, upstream: Upstream, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=r"cannot be read as a commit"):
        resolve(upstream.path, revision, tmp_path)


@pytest.mark.parametrize("revision", ["0" * 40, "no-such-branch", "--all"])
def test_an_unreadable_revision_is_refused_from_a_server(
    revision: str, daemon: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=r"has no (revision|commit)"):
        resolve(daemon, revision, tmp_path)
    with pytest.raises(SourceError, match=r"has no (revision|commit)"):
        clone(daemon, revision, tmp_path)


def test_what_is_no_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(SourceError, match="not a git repository"):
        resolve(tmp_path / "folder", "HEAD", tmp_path)


def test_an_empty_repository_is_refused(tmp_path: Path) -> None:
    empty = Upstream(tmp_path / "served" / "empty")
    with git_daemon(empty.path.parent) as address:
        for source in (empty.path, f"{address}/empty/.git"):
            with pytest.raises(SourceError, match="empty repository"):
                resolve(source, "HEAD", tmp_path)


def test_a_repository_that_is_not_served_is_refused_at_once(daemon: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be fetched"):
        resolve(daemon.replace("bare.git", "nothing.git"), "HEAD", tmp_path)


def test_a_pipe_in_the_place_of_a_ref_does_not_hang(upstream: Upstream, tmp_path: Path) -> None:
    head = upstream.path / ".git" / "refs" / "heads" / "trap"
    subprocess.run(["mkfifo", str(head)], check=True)

    with pytest.raises(SourceError, match="plain file"):
        resolve(upstream.path, "HEAD", tmp_path)


def test_a_sha256_repository_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "sha256"
    git(None, "init", "--quiet", "--object-format=sha256", str(source))
    Upstream.at(source).commit({"a.py": "x = 1\n"})

    with pytest.raises(SourceError, match="SHA-256"):
        resolve(source, "HEAD", tmp_path)


def test_a_tag_whose_name_is_no_text_is_left_out_and_counted(
    upstream: Upstream, tmp_path: Path
) -> None:
    pin = upstream.run("rev-parse", "pin")
    packed = upstream.path / ".git" / "packed-refs"
    upstream.run("pack-refs", "--all")
    packed.write_bytes(packed.read_bytes() + f"{pin} refs/tags/".encode() + b"z\xff\n")
    facts = clone(upstream.path, pin, tmp_path)

    assert facts.tags == ("pin", "v1")
    assert facts.unreadable_tags == 1


def test_addresses_keep_one_form(tmp_path: Path) -> None:
    assert parse_address(f"file://{tmp_path}") == Address(url="", path=tmp_path)
    assert parse_address("git@example.org:a/b.git").text() == "git@example.org:a/b.git"
    assert parse_address(str(tmp_path / "." / "x" / "..")).text() == str(tmp_path)


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("ext::sh -c touch% marker", "run a command"),
        ("fd::17", "run a command"),
        ("-oProxyCommand=touch marker", "option"),
        ("--upload-pack=touch marker", "option"),
        ("ssh://-oProxyCommand=x/y", "no host name"),
        ("ssh://-x@example.org/y", "no host name"),
        ("https://example.org/-x", "names no repository"),
        ("https://example.org", "names no repository"),
        ("ftp://example.org/x", "not taken"),
        ("https://user:secret@example.org/x", "user or password"),
        ("https://token@example.org/x", "user or password"),
        ("git://example.org/a\nb", "unprintable"),
        (" https://example.org/x", "padded"),
        ("", "empty"),
        ("/no/such/folder", "no such folder"),
        ("git@example.org:-x", "no such folder"),
    ],
)
def test_addresses_that_execute_leak_or_lead_nowhere_are_refused(source: str, word: str) -> None:
    with pytest.raises(SourceError, match=word) as refusal:
        parse_address(source)

    assert "secret" not in str(refusal.value)
