-- Answers with edits of one run or pass.
SELECT
    answer.database,
    answer.id,
    run.task_id AS agent_task,
    left(answer.attempt_key, 64) AS attempt_id,
    answer.attempt AS number,
    answer.patch_applied <> 0 AS applied,
    answer.latency_ms
FROM raw_run_attempts AS answer
JOIN raw_task_runs AS run ON run.database = answer.database AND run.id = answer.task_run_id
WHERE (run.task_id = $agent_task OR starts_with(run.task_id, $agent_task || ':'))
    AND $database IN ('', run.database)
ORDER BY answer.database, answer.id
