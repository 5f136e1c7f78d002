-- Who waits for a lock holds up all who come after: it gives up, and is tried again.
SET LOCAL lock_timeout = '2s';

-- Events for other services, each until it has arrived.
CREATE TABLE outbox (
    seq         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid        NOT NULL,
    subject     text        NOT NULL,
    event       text        NOT NULL CHECK (octet_length(event) <= 65536),
    traceparent text,
    recorded_at timestamptz NOT NULL,
    attempts    bigint      NOT NULL,
    due_at      timestamptz NOT NULL
);

-- Whether an event is the first of its subject is asked of this index.
CREATE INDEX outbox_by_subject ON outbox (subject, seq);

-- Who looks for the next one reads along this index.
CREATE INDEX outbox_by_due ON outbox (due_at, seq);
