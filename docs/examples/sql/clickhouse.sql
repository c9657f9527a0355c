-- Reads `overages` from Kafka and keeps the highest revision of each key. FINAL leaves out the others at once.
-- librdkafka, which ClickHouse uses, reads committed records only by default.

CREATE TABLE overages_queue (record String)
ENGINE = Kafka
SETTINGS kafka_broker_list = '127.0.0.1:9092',
         kafka_topic_list = 'overages',
         kafka_group_name = 'clickhouse-overages',
         kafka_format = 'JSONAsString';

CREATE TABLE overages
(
    account   String,
    workspace String,
    item      String,
    day       Date,
    revision  UInt64,
    usage     Int256,          -- sums of a day may exceed 64 bits
    covered   Int256,
    overage   Int256,
    amount    Decimal(76, 20), -- exact, never Float64
    currency  LowCardinality(String),
    restated  Bool,
    record    String           -- all of it: lines of the charge, plans, cause
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (account, workspace, item, day);

CREATE MATERIALIZED VIEW overages_reader TO overages AS
SELECT JSONExtractString(record, 'account') AS account,
       JSONExtractString(record, 'workspace') AS workspace,
       JSONExtractString(record, 'item') AS item,
       toDate(JSONExtractString(record, 'day')) AS day,
       JSONExtractUInt(record, 'revision') AS revision,
       JSONExtract(record, 'usage', 'Int256') AS usage,
       JSONExtract(record, 'covered', 'Int256') AS covered,
       JSONExtract(record, 'overage', 'Int256') AS overage,
       toDecimal256(JSONExtractString(record, 'charge', 'amount'), 20) AS amount,
       JSONExtractString(record, 'charge', 'currency') AS currency,
       JSONExtractBool(record, 'restated') AS restated,
       record
FROM overages_queue;

SELECT account, day, sum(amount) AS charges FROM overages FINAL GROUP BY account, day ORDER BY account, day;
