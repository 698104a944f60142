-- Calls of one kind that a model answered, with what they cost.
SELECT
    triples.attempt_id,
    triples.call_number AS number,
    triples.task_id,
    triples.round,
    triples.call_kind,
    triples.responder,
    triples.outcome,
    triples.output,
    triples.right_answer,
    coalesce(calls.prompt_tokens, 0) + coalesce(calls.completion_tokens, 0) AS tokens,
    length(triples.prompt) + length(triples.output) AS characters
FROM triples
LEFT JOIN calls
    ON calls.attempt_id = triples.attempt_id AND calls.number = triples.call_number
WHERE triples.prompt_source = 'logged'
    AND triples.call_kind = $call_kind
    AND triples.responder <> $commit
    AND list_contains($rounds, triples.round)
    AND NOT list_contains($held_out, triples.repo)
ORDER BY triples.attempt_id, triples.call_number, triples.triple_id
