"""The command group: which commands there are, and what becomes of errors.

Exit status: 0 done, 1 failed work, 2 wrong use, 3 a campaign's limit was reached.
"""

from __future__ import annotations

import click

from cra_pipeline.cli import (
    agent,
    bases,
    campaign,
    curate_data,
    demo,
    doctor,
    gateway,
    migrate,
    prepare,
    promote,
    reading_sheet,
    registry,
    reword,
    rounds,
    run,
    score,
    serve,
    show,
    sources,
    status,
    takedown,
    train_plan,
)
from cra_pipeline.cli.terminal import tell_retries
from cra_pipeline.errors import PipelineError


class PipelineGroup(click.Group):
    """Prints the pipeline's errors as texts for the user, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the chosen command.

        Raises:
            ClickException: In place of any ``PipelineError``; click ends with 1.
        """
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=PipelineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cra-pipeline")
def main() -> None:
    """Git histories in; verified tasks, attempts, triples and preference pairs out.

    Everything is kept in ./workspace; CRA_PIPELINE_HOME names another folder.
    """
    tell_retries()


for _command in (
    agent.agent,
    bases.base,
    campaign.campaign,
    curate_data.curate_data,
    demo.demo,
    doctor.doctor,
    gateway.gateway,
    migrate.migrate,
    prepare.prepare,
    reading_sheet.reading_sheet,
    reword.reword,
    sources.add,
    sources.ingest,
    run.run,
    status.status,
    show.show,
    score.score,
    serve.serve,
    rounds.rounds,
    registry.registry,
    promote.promote,
    promote.rollback,
    promote.retire,
    takedown.takedown,
    train_plan.train_plan,
):
    main.add_command(_command)
