-- Events for other services, each until it has arrived.
CREATE TABLE outbox (
    seq         INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL,
    subject     TEXT    NOT NULL,
    event       TEXT    NOT NULL CHECK (length(event) <= 65536),
    traceparent TEXT,
    recorded_at TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    due_at      TEXT    NOT NULL
) STRICT;

-- Whether an event is the first of its subject is asked of this index.
CREATE INDEX outbox_by_subject ON outbox (subject, seq);

-- Who looks for the next one reads along this index.
CREATE INDEX outbox_by_due ON outbox (due_at, seq);
