-- Attempts that the hidden tests judged, by who answered which kind of call in them.
SELECT
    round,
    call_kind,
    responder,
    count(DISTINCT attempt_id) AS attempts,
    count(DISTINCT attempt_id) FILTER (WHERE outcome = 'passed') AS passed
FROM triples
WHERE prompt_source = 'logged'
    AND call_kind <> ''
    AND outcome IN ('passed', 'failed')
    AND list_contains($rounds, round)
    AND NOT list_contains($held_out, repo)
GROUP BY ALL
ORDER BY ALL
