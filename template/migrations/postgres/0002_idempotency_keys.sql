-- Who waits for a lock holds up all who come after: it gives up, and is tried again.
SET LOCAL lock_timeout = '2s';

-- The answers of requests with an Idempotency-Key, until they expire.
CREATE TABLE idempotency_keys (
    id          bytea       PRIMARY KEY CHECK (octet_length(id) = 32),
    fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
    status      smallint    NOT NULL,
    headers     text        NOT NULL,
    body        bytea       NOT NULL CHECK (octet_length(body) <= 65536),
    expires_at  timestamptz NOT NULL
);

-- What has expired is deleted along this index.
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
