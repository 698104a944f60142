"""A small history whose commits ask for changes."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline_tests.histories import Upstream

MODULES = ("parser", "writer", "cache", "errors", "cli", "session", "tokens")


def made_history(folder: Path) -> tuple[Path, list[str]]:
    """A bare clone, and ids of its commits from the oldest on.

    After the first come: one about the parser, one too large, one that only tests, one about the
    writer.
    """
    upstream = Upstream(folder / "checkout")
    files = {f"pkg/{name}.py": f"def {name}_main():\n    return '{name}'\n" for name in MODULES}
    shas = [upstream.commit({**files, "tests/test_parser.py": "pass\n"}, "Begin with all modules")]
    shas.append(
        upstream.commit(
            {"pkg/parser.py": "def parse_lines():\n    return 1\n", "pkg/new.py": "x = 1\n"},
            "Parse all lines at once\n\nOne by one was slow.",
        )
    )
    large = "".join(f"v{number} = {number}\n" for number in range(300))
    shas.append(upstream.commit({"pkg/cache.py": large}, "Keep many more things around"))
    shas.append(upstream.commit({"tests/test_parser.py": "x = 1\n"}, "Test parser of all lines"))
    shas.append(
        upstream.commit({"pkg/writer.py": "def write():\n    ...\n"}, "Write with fewer calls now")
    )
    return upstream.bare(folder / "bare"), shas
