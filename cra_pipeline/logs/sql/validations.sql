-- The agent's own test runs in one run or pass.
SELECT
    tests.database,
    tests.id,
    run.task_id AS agent_task,
    left(tests.attempt_key, 64) AS attempt_id,
    tests.success <> 0 AS passed,
    coalesce(tests.failing_tests, '') AS failing,
    coalesce(tests.test_output, '') AS output
FROM raw_validation_results AS tests
JOIN raw_run_attempts AS answer
    ON answer.database = tests.database AND answer.id = tests.attempt_id
JOIN raw_task_runs AS run ON run.database = answer.database AND run.id = answer.task_run_id
WHERE (run.task_id = $agent_task OR starts_with(run.task_id, $agent_task || ':'))
    AND $database IN ('', run.database)
ORDER BY tests.database, tests.id
