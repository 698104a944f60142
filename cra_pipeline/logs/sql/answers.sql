-- Answers whose right answer the commit's diff knows, alike ones together.
SELECT round, call_kind, responder, output, right_answer, outcome, count(*) AS calls
FROM triples
WHERE prompt_source = 'logged'
    AND call_kind <> ''
    AND right_answer <> ''
    AND list_contains($rounds, round)
    AND NOT list_contains($held_out, repo)
GROUP BY ALL
ORDER BY ALL
