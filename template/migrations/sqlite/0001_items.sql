CREATE TABLE items (
    id          BLOB    PRIMARY KEY NOT NULL,
    owner       TEXT    NOT NULL,
    name        TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    description TEXT    CHECK (length(description) <= 1000),
    quantity    INTEGER NOT NULL CHECK (quantity BETWEEN 0 AND 1000000),
    version     INTEGER NOT NULL,
    created_at  TEXT    NOT NULL,
    updated_at  TEXT    NOT NULL,
    UNIQUE (owner, name)
) STRICT;

-- Pages of an owner's items are read along this index.
CREATE INDEX items_by_owner ON items (owner, id);
