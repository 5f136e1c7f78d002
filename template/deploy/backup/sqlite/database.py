"""Copies a database of SQLite and looks into one, by SQLite's own library.

    database.py copy FROM TO   a copy of one moment, while others write
    database.py over FROM TO   the same into a database that is there, in one transaction
    database.py look FILE      whether it is whole

`copy` and `look` print its rows: table=rows.
"""

import sqlite3
import sys
from pathlib import Path


def opened(file):
    # What is not there is not made.
    return sqlite3.connect(f"{Path(file).absolute().as_uri()}?mode=rw", uri=True, timeout=30)


def copy(source, target):
    with sqlite3.connect(target) as database:
        opened(source).backup(database)
        # The copy is one file: it needs no log beside it.
        database.execute("PRAGMA journal_mode = DELETE")
    look(target)


def over(source, target):
    opened(source).backup(opened(target))


def look(file):
    database = opened(file)
    verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
    if verdict != "ok":
        sys.exit(f"{file} is broken: {verdict}")
    names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1"
    for (name,) in database.execute(names).fetchall():
        if name.isidentifier() and name.isascii():
            print(f"{name}={database.execute(f'SELECT count(*) FROM {name}').fetchone()[0]}")


if __name__ == "__main__":
    commands = {"copy": copy, "over": over, "look": look}
    try:
        commands[sys.argv[1]](*sys.argv[2:])
    except sqlite3.Error as error:
        sys.exit(f"{sys.argv[1]}: {error}")
