-- Who waits for a lock holds up all who come after: it gives up, and is tried again.
SET LOCAL lock_timeout = '2s';

CREATE TABLE items (
    id          uuid        PRIMARY KEY,
    owner       text        NOT NULL,
    name        text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    description text        CHECK (char_length(description) <= 1000),
    quantity    bigint      NOT NULL CHECK (quantity BETWEEN 0 AND 1000000),
    version     bigint      NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    UNIQUE (owner, name)
);

-- Pages of an owner's items are read along this index.
CREATE INDEX items_by_owner ON items (owner, id);
