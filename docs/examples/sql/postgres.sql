-- Keeps the highest revision of each overage in a table. Run it as often as you like:
--
--   meter overages --json | psql -v ON_ERROR_STOP=1 -f postgres.sql

CREATE TABLE IF NOT EXISTS overages (
    account   text    NOT NULL,
    workspace text    NOT NULL,
    item      text    NOT NULL,
    day       date    NOT NULL,
    revision  bigint  NOT NULL,
    usage     numeric NOT NULL, -- sums of a day may exceed 64 bits
    covered   numeric NOT NULL,
    overage   numeric NOT NULL,
    amount    numeric NOT NULL, -- exact, never double precision
    currency  text    NOT NULL,
    restated  boolean NOT NULL,
    record    jsonb   NOT NULL, -- all of it: lines of the charge, plans, cause
    PRIMARY KEY (account, workspace, item, day)
);

CREATE TEMPORARY TABLE incoming (record jsonb NOT NULL);

-- A line is one JSON record: quote and delimiter are bytes that JSON cannot hold.
\copy incoming FROM pstdin WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')

INSERT INTO overages
SELECT DISTINCT ON (record->>'account', record->>'workspace', record->>'item', record->>'day')
    record->>'account', record->>'workspace', record->>'item', (record->>'day')::date, (record->>'revision')::bigint,
    (record->>'usage')::numeric, (record->>'covered')::numeric, (record->>'overage')::numeric,
    (record->'charge'->>'amount')::numeric, record->'charge'->>'currency', (record->>'restated')::boolean, record
FROM incoming
ORDER BY record->>'account', record->>'workspace', record->>'item', record->>'day', (record->>'revision')::bigint DESC
ON CONFLICT (account, workspace, item, day) DO UPDATE SET
    revision = excluded.revision, usage = excluded.usage, covered = excluded.covered, overage = excluded.overage,
    amount = excluded.amount, currency = excluded.currency, restated = excluded.restated, record = excluded.record
WHERE excluded.revision > overages.revision; -- a repeat or an older revision changes nothing

SELECT account, day, sum(amount) AS charges, max(currency) AS currency FROM overages GROUP BY 1, 2 ORDER BY 1, 2;
