-- Calls of one run or pass as the agent logged them. The kind is told by the system prompt where
-- the gateway has seen it, else by where the agent says that it asked; the three precision passes
-- are one place, and there the prompt alone can tell.
WITH kinds AS (
    SELECT system, min(call_kind) AS call_kind
    FROM calls
    WHERE call_kind <> ''
    GROUP BY system
    HAVING count(DISTINCT call_kind) = 1
)
SELECT
    call.database,
    call.id,
    call.task_id AS agent_task,
    left(call.attempt_key, 64) AS attempt_id,
    coalesce(
        kinds.call_kind,
        CASE
            WHEN call.sub_stage IN (
                'change_point_enum', 'part_grouping', 'part_grouping_binary', 'part_dependency',
                'symbol_targeting', 'step_design', 'step_dependency'
            ) THEN call.sub_stage
            WHEN call.call_type IN (
                'task_analysis', 'stage_routing', 'scope', 'similarity', 'assembly_refilter',
                'documentation', 'enrichment'
            ) THEN call.call_type
            WHEN call.call_type = 'execute_adjust' THEN 'adjustment'
            WHEN call.call_type = 'execute_implement' THEN 'implement'
            WHEN call.call_type = 'execute_test_implement' THEN 'test_implement'
            WHEN call.call_type = 'execute_plan' THEN CASE split_part(call.task_id, ':', 2)
                WHEN '' THEN 'meta_plan'
                WHEN 'meta_plan' THEN 'meta_plan'
                WHEN 'part_plan' THEN 'part_plan'
                WHEN 'test_plan' THEN 'test_plan'
                ELSE ''
            END
            ELSE ''
        END
    ) AS call_kind,
    call.model,
    call.prompt,
    call.response,
    call.prompt_tokens,
    call.completion_tokens,
    call.latency_ms
FROM raw_retrieval_llm_calls AS call
LEFT JOIN kinds ON kinds.system = call.system_prompt
WHERE (call.task_id = $agent_task OR starts_with(call.task_id, $agent_task || ':'))
    AND $database IN ('', call.database)
ORDER BY call.database, call.id
