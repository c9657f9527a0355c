-- The dashboard's read model. docs/dashboard.md documents it: your SQL on these tables is a supported use.
--
-- Days are text (YYYY-MM-DD), times milliseconds since 1970 UTC, money exact decimal text. Quantities are integers; one
-- beyond 64 bits is text of digits, hence ANY. Every row has the content of the highest revision published.

CREATE TABLE about (            -- which read model this file is: format, meter; whose budgets it holds
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE positions (        -- how far each partition has been read, in the same transaction as what it brought
    topic TEXT NOT NULL,        -- without the prefix
    partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    newest_ms INTEGER NOT NULL, -- time of the newest record read
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (         -- every account that was ever published
    account TEXT NOT NULL PRIMARY KEY,
    partition INTEGER NOT NULL  -- of the journal and of every output topic
) STRICT, WITHOUT ROWID;

CREATE TABLE workspaces (       -- every workspace that was ever published, and whose it is
    workspace TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cells (            -- usage of a workspace: overages, else balances, else statements of free days
    day TEXT NOT NULL,
    account TEXT NOT NULL,
    workspace TEXT NOT NULL,
    item TEXT NOT NULL,
    revision INTEGER NOT NULL,
    usage ANY NOT NULL,
    covered ANY NOT NULL,
    overage ANY NOT NULL,
    charge TEXT NOT NULL,
    basis TEXT NOT NULL,        -- package, pay_as_you_go, free
    source TEXT NOT NULL,       -- o: overages, b: quota-balances, s: statements
    PRIMARY KEY (day, account, workspace, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE items (            -- an account's item on a day: its balance, and the totals of its cells
    day TEXT NOT NULL,
    account TEXT NOT NULL,
    item TEXT NOT NULL,
    revision INTEGER NOT NULL,  -- of the balance; 0: no balance was published
    quota ANY NOT NULL,
    covered ANY NOT NULL,
    left ANY NOT NULL,
    plans TEXT NOT NULL,        -- JSON: the balance's plans
    workspaces TEXT NOT NULL,   -- JSON: names in priority order
    more INTEGER NOT NULL,
    usage ANY NOT NULL,         -- totals of the cells
    overage ANY NOT NULL,
    charge TEXT NOT NULL,
    at_ms INTEGER NOT NULL,     -- time of the record that changed it last
    quarter INTEGER NOT NULL,   -- the last quarter of an hour of its day that was met, from 0; -1: none
    PRIMARY KEY (day, account, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE account_days (     -- totals of an account's day
    day TEXT NOT NULL,
    account TEXT NOT NULL,
    charge TEXT NOT NULL,       -- exact; a statement rounds it once, half up
    currency TEXT NOT NULL,
    percent INTEGER NOT NULL,   -- of the quota of the item that has used most of it, cut; -1: no quota
    item TEXT NOT NULL,         -- that item, or empty
    alerts INTEGER NOT NULL,    -- raised now
    at_ms INTEGER NOT NULL,     -- time of the record that changed it last
    feed INTEGER NOT NULL,      -- rows of feed
    cells INTEGER NOT NULL,     -- rows of cells
    PRIMARY KEY (day, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE feed (             -- what a journal record changed of an item's overage, newest 200 of each account's day
    day TEXT NOT NULL,
    account TEXT NOT NULL,
    revision INTEGER NOT NULL,
    item TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    restated INTEGER NOT NULL,
    cause TEXT NOT NULL,        -- JSON, as published
    changes TEXT NOT NULL,      -- JSON: [workspace, overage before, overage, charge delta, charge, usage delta];
                                -- without the last: usage rose as the overage did
    more INTEGER NOT NULL,      -- changes left out
    reported TEXT NOT NULL,     -- JSON: workspace -> usage added since the balance before
    PRIMARY KEY (day, account, revision, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE samples (          -- usage of an item by quarters of an hour of its day, before items.quarter
    day TEXT NOT NULL,
    account TEXT NOT NULL,
    item TEXT NOT NULL,
    points TEXT NOT NULL,       -- "quarter=usage " of each; that of items.quarter is items.usage
    PRIMARY KEY (day, account, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE statements (       -- every revision of an account's statement; the newest has its record
    day TEXT NOT NULL,
    account TEXT NOT NULL,
    revision INTEGER NOT NULL,
    amount_due TEXT NOT NULL,
    currency TEXT NOT NULL,
    restated INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    body TEXT,
    PRIMARY KEY (day, account, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE closings (         -- the latest day of which a partition has published statements
    partition INTEGER NOT NULL PRIMARY KEY,
    day TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    day TEXT NOT NULL,
    account TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    item TEXT NOT NULL,
    threshold INTEGER NOT NULL,
    state TEXT NOT NULL,        -- raised, cleared
    quota ANY NOT NULL,
    covered ANY NOT NULL,
    revision INTEGER NOT NULL,
    raised_ms INTEGER,          -- when it was last raised, and cleared
    cleared_ms INTEGER,
    PRIMARY KEY (day, account, plan_id, item, threshold)
) STRICT, WITHOUT ROWID;

CREATE TABLE records (          -- plans, wallets, order outcomes, budgets and their alerts as published
    kind TEXT NOT NULL,         -- plans, wallets, order-outcomes, budgets, budget-alerts
    account TEXT NOT NULL,
    name TEXT NOT NULL,         -- the rest of the record's key
    revision INTEGER NOT NULL,  -- of budgets and their alerts: the offset and one
    offset INTEGER NOT NULL,    -- its place in its topic's partition, which is the account's
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE letters (          -- the newest 50,000 dead letters
    topic TEXT NOT NULL,        -- where the record stood
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    reason TEXT NOT NULL,
    letter_partition INTEGER NOT NULL, -- where the letter stands in dead-letters
    letter_offset INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,     -- when the letter was published
    records INTEGER NOT NULL,   -- more than 1: a summary
    body TEXT NOT NULL,
    PRIMARY KEY (topic, partition, offset, reason)
) STRICT, WITHOUT ROWID;

CREATE INDEX letters_by_group ON letters (reason, topic, at_ms);

CREATE TABLE letter_groups (    -- of all dead letters read
    reason TEXT NOT NULL,
    topic TEXT NOT NULL,
    records INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (reason, topic)
) STRICT, WITHOUT ROWID;
