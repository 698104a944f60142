-- What retrieval kept and left out in one run or pass.
SELECT
    database,
    id,
    task_id AS agent_task,
    left(attempt_key, 64) AS attempt_id,
    stage,
    file_id,
    symbol_id,
    coalesce(tier, '') AS tier,
    coalesce(detail_level, '') AS detail_level,
    included <> 0 AS included,
    coalesce(reason, '') AS reason
FROM raw_retrieval_decisions
WHERE (task_id = $agent_task OR starts_with(task_id, $agent_task || ':'))
    AND $database IN ('', database)
ORDER BY database, id
