-- The answers of requests with an Idempotency-Key, until they expire.
CREATE TABLE idempotency_keys (
    id          BLOB    PRIMARY KEY NOT NULL CHECK (length(id) = 32),
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    status      INTEGER NOT NULL,
    headers     TEXT    NOT NULL,
    body        BLOB    NOT NULL CHECK (length(body) <= 65536),
    expires_at  TEXT    NOT NULL
) STRICT;

-- What has expired is deleted along this index.
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
