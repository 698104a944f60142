-- Every call of every attempt by how it was answered, and what it cost.
SELECT
    attempts.round,
    calls.call_kind,
    calls.responder,
    calls.finish,
    calls.response,
    count(*) AS calls,
    CAST(coalesce(sum(calls.prompt_tokens), 0) AS BIGINT) AS prompt_tokens,
    CAST(coalesce(sum(calls.completion_tokens), 0) AS BIGINT) AS completion_tokens,
    CAST(sum(calls.latency_ms) AS BIGINT) AS latency_ms
FROM calls
JOIN attempts USING (attempt_id)
WHERE calls.call_kind <> ''
    AND list_contains($rounds, attempts.round)
    AND NOT list_contains($held_out, attempts.repo)
GROUP BY ALL
ORDER BY ALL
