"""A workspace whose base and adapters are tiny, random and real: servers can load them."""

from __future__ import annotations

import json
from pathlib import Path

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.adapter_files import CONFIG
from cra_pipeline.integrations.bases import import_base, model_folder
from cra_pipeline_tests.integrations.model_server.models import random_adapter, tiny_base
from cra_pipeline_tests.serving.worlds import ServingWorld


def real_world(layout: Layout, folder: Path) -> ServingWorld:
    """A world with a tiny base; its adapters are random, and say other things than each other."""
    record = import_base(layout, tiny_base(folder / "base"), role="tiny", name="tiny")
    model = model_folder(layout, record.base_id)

    def files(kind: str, round_name: str, into: Path) -> None:
        random_adapter(model, into, int(round_name[1:]) + 100 * len(kind))
        (into / "README.md").unlink(missing_ok=True)
        config = json.loads((into / CONFIG).read_text())
        told = {"base_model_name_or_path": record.base_id, "revision": record.content_id}
        (into / CONFIG).write_text(json.dumps(config | told))

    return ServingWorld(layout=layout, base=record.content_id, record=record, files=files)
