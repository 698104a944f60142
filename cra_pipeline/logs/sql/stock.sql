-- What could be trained on, before any rule of curation: each prompt counts once.
-- synthetic: the diff knows the right answer; harness: a model's own answer in an attempt that
-- passed, or a preference pair; logged: calls of users' own runs that ended well.
WITH good_runs AS (
    SELECT run.database, run.task_id
    FROM raw_orchestrator_runs AS run
    JOIN raw_task_runs AS passes
        ON passes.database = run.database AND left(passes.task_id, 36) = run.task_id
    JOIN raw_run_attempts AS answer
        ON answer.database = passes.database AND answer.task_run_id = passes.id
    JOIN raw_validation_results AS tests
        ON tests.database = answer.database AND tests.attempt_id = answer.id
    WHERE run.database <> 'home'
        AND run.status = 'complete'
        AND run.parts_completed = run.total_parts
    GROUP BY ALL
    HAVING min(tests.success) = 1
),
kinds AS (
    SELECT system, min(call_kind) AS call_kind
    FROM calls
    WHERE call_kind <> ''
    GROUP BY system
    HAVING count(DISTINCT call_kind) = 1
),
found AS (
    SELECT call_kind, 'synthetic' AS source, 'sft' AS form, repo, prompt_hash AS prompt
    FROM triples
    WHERE prompt_source = 'logged' AND right_answer <> ''
        AND list_contains($rounds, round) AND NOT list_contains($held_out, repo)
    UNION ALL
    SELECT call_kind, 'harness', 'sft', repo, prompt_hash
    FROM triples
    WHERE prompt_source = 'logged' AND outcome = 'passed' AND responder <> $commit
        AND list_contains($rounds, round) AND NOT list_contains($held_out, repo)
    UNION ALL
    SELECT call_kind, 'harness', 'dpo', repo, pair_id
    FROM pairs
    WHERE list_contains($rounds, round) AND NOT list_contains($held_out, repo)
    UNION ALL
    SELECT kinds.call_kind, 'logged', 'sft', call.database, call.prompt
    FROM raw_retrieval_llm_calls AS call
    JOIN good_runs
        ON good_runs.database = call.database AND good_runs.task_id = left(call.task_id, 36)
    JOIN kinds ON kinds.system = call.system_prompt
)
SELECT
    found.call_kind,
    found.source,
    found.form,
    found.repo,
    coalesce(repos.domain, '') AS domain,
    count(DISTINCT found.prompt) AS rows
FROM found
LEFT JOIN repos USING (repo)
WHERE found.call_kind <> ''
GROUP BY ALL
ORDER BY ALL
