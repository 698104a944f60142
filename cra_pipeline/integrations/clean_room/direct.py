"""How the installed agent is started with its own transport to OpenAI-compatible servers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.integrations.clean_room import openai_compat
from cra_pipeline.integrations.clean_room.openai_compat import ROUTES_VARIABLE, read_routes

SCRIPT = Path(openai_compat.__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a process is made of.

    Attributes:
        command: Interpreter and arguments.
        environ: Its whole environment.
    """

    command: tuple[str, ...]
    environ: Mapping[str, str]


def direct_start(
    python: Path,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    routes: Mapping[str, object],
) -> Start:
    """The agent's command line with the transport in place.

    Args:
        python: The agent's interpreter.
        arguments: As for ``cra``.
        environ: Of this process; what it sets stays as it is.
        routes: As ``openai_compat`` reads them; where empty, those of the environment count.

    Raises:
        RoutesError: They say what is not understood.
    """
    set_here = {
        # The agent iterates sets of paths: ids, and with them prompts, follow the seed.
        "PYTHONHASHSEED": "0",
        # Left in the working tree, byte code would be committed.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    whole = {**set_here, **environ}
    if routes:
        whole[ROUTES_VARIABLE] = json.dumps(routes)
    read_routes(whole)
    # Neither the script's folder nor the user's packages are imported from.
    return Start(command=(str(python), "-P", "-s", str(SCRIPT), *arguments), environ=whole)
