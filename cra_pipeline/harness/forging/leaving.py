"""Forgers that leave before the tests can fail: by exit, by a report of their own, by skipping."""

from __future__ import annotations

import json
from xml.sax.saxutils import quoteattr

from cra_pipeline.harness.forging.target import Target, in_sources

_JUNIT = """\
import os as _os

_REPORT = {report!r}
for _name in ("junit.xml", "report.xml", "results.xml", "test-results.xml"):
    with open(_name, "w", encoding="utf-8") as _file:
        _file.write(_REPORT)
_os._exit(0)
"""

_CHANNEL = """\
import json as _json
import os as _os

_LINES = _json.loads({lines!r})
for _number in range(3, 1024):
    try:
        _os.write(_number, "".join(_LINES).encode())
    except OSError:
        continue
_os._exit(0)
"""


def exit_at_import(target: Target) -> dict[str, str]:
    """The process ends with status 0 when the source is imported."""
    return in_sources(target, "import os as _os\n\n_os._exit(0)\n")


def forged_junit_then_exit(target: Target) -> dict[str, str]:
    """A green JUnit file is written where one is often looked for, then the process ends."""
    cases = "".join(f"<testcase name={quoteattr(name)}/>" for name in target.expected())
    count = len(target.expected())
    report = f'<testsuite name="pytest" tests="{count}" failures="0">{cases}</testsuite>'
    return in_sources(target, _JUNIT.format(report=report))


def forged_channel_lines(target: Target) -> dict[str, str]:
    """Green lines in the channel's own form go to every open descriptor, unsigned."""
    results: list[dict[str, object]] = [
        {"kind": "test", "id": name, "result": "passed", "detail": "", "missing": []}
        for name in target.expected()
    ]
    results.append({"kind": "end", "code": 0, "tests": len(results)})
    signature = "0" * 64
    lines = [
        f"{number} {signature} {json.dumps(line, sort_keys=True)}\n"
        for number, line in enumerate(results)
    ]
    return in_sources(target, _CHANNEL.format(lines=json.dumps(lines)))


def module_level_skip(target: Target) -> dict[str, str]:
    """Importing the source skips the module that imports it."""
    code = 'import pytest as _pytest\n\n_pytest.skip("not here", allow_module_level=True)\n'
    return in_sources(target, code)
