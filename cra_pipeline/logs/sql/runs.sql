-- Runs of the agent with the attempts of ours that they were; $task is '' for all, else the
-- agent's id of a run or a pass, or our id of an attempt or a task.
WITH passed AS (
    SELECT run.database, left(run.task_id, 36) AS agent_task, min(tests.success) AS success
    FROM raw_validation_results AS tests
    JOIN raw_run_attempts AS answer
        ON answer.database = tests.database AND answer.id = tests.attempt_id
    JOIN raw_task_runs AS run
        ON run.database = answer.database AND run.id = answer.task_run_id
    GROUP BY ALL
),
logged AS (
    SELECT database, left(task_id, 36) AS agent_task, count(*) AS calls
    FROM raw_retrieval_llm_calls
    GROUP BY ALL
)
SELECT
    coalesce(run.database, '') AS database,
    coalesce(run.task_id, '') AS agent_task,
    coalesce(attempt.attempt_id, '') AS attempt_id,
    coalesce(attempt.task_id, '') AS task_id,
    coalesce(attempt.repo, '') AS repo,
    coalesce(attempt.round, '') AS round,
    coalesce(attempt.outcome, '') AS outcome,
    coalesce(run.status, '') AS status,
    coalesce(run.parts_completed, 0) AS parts_completed,
    run.total_parts,
    CASE WHEN passed.success IS NOT NULL THEN passed.success <> 0 END AS validated,
    coalesce(logged.calls, 0) AS calls
FROM raw_orchestrator_runs AS run
FULL JOIN (SELECT * FROM attempts WHERE campaign <> '') AS attempt
    ON attempt.attempt_id = left(run.attempt_key, 64)
LEFT JOIN passed ON passed.database = run.database AND passed.agent_task = run.task_id
LEFT JOIN logged ON logged.database = run.database AND logged.agent_task = run.task_id
WHERE $task = ''
    OR run.task_id = left($task, 36)
    OR attempt.attempt_id = $task
    OR attempt.task_id = $task
ORDER BY run.database NULLS LAST, run.id, attempt.attempt_id
