"""Stand-alone script inside the sandbox: starts the agent's module from the folders shown there.

``start.py MODULE FOLDER… -- ARGUMENTS``: the folders go in front of the module search path of this
process alone; no variable of theirs reaches the tests that the agent runs.
"""

from __future__ import annotations

import runpy
import sys


def main() -> None:
    """Become the module."""
    split = sys.argv.index("--")
    module, folders, rest = sys.argv[1], sys.argv[2:split], sys.argv[split + 1 :]
    sys.path[:1] = folders
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
