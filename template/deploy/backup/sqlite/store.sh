# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # `backup` reads this file, and has the rest
# What `backup` does with SQLite. The database is the file APP_STORE__PATH, the service's own.

# Where the store of an installed service is, if nothing else is said.
store_of() {
    export APP_STORE__PATH="/var/lib/$1/service.db"
}

store_begin() {
    [ -n "${APP_STORE__PATH:-}" ] ||
        fail 78 "APP_STORE__PATH is not set: the database's file, such as /var/lib/$BACKUP_NAME/service.db"
    live=$APP_STORE__PATH
    # Where a backup is poured before it is anybody's database.
    poured=${BACKUP_FOLDER:-/var/cache/backup-$BACKUP_NAME}/poured.db
    command -v python3 > /dev/null || fail 78 "python3 is not here: apt-get install python3"
}

store_end() {
    rm -f "$poured" "$poured-wal" "$poured-shm"
}

store_failed() {
    case $(said store) in
        *"is full"*) fail 1 "a disk is full: $(said store)" ;;
        *"unable to open"* | *"no such file"*) fail 69 "$live cannot be read: $(said store)" ;;
        *) fail 65 "SQLite: $(said store)" ;;
    esac
}

# What SQLite's own library does, which Python brings.
sqlite() {
    python3 "$here/sqlite/database.py" "$@" 2> "$scratch/store" 9>&-
}

store_take() {
    # A copy of one moment, while the service writes; whole before it is uploaded.
    sqlite copy "$live" "$scratch/copy" > "$scratch/rows" || store_failed
    while read -r line; do
        tags=$tags,rows:$line
    done < "$scratch/rows"
    tags=$tags,format:file
    save "$BACKUP_NAME.db" cat "$scratch/copy"
}

# Whether it may be restored into that.
store_target() {
    if [ "$(realpath -m "$target")" = "$(realpath -m "$live")" ]; then
        [ -n "$over_live" ] ||
            fail 2 "$target is the live database: restore into another file; or say --over-live"
    elif [ -e "$target" ]; then
        fail 2 "$target is there already: restore into a new file"
    elif [ -e "$target-wal" ]; then
        fail 2 "$target-wal is there, and would be written into the file: it is of another one, move it away"
    fi
}

store_restore() {
    pour
    compare
    if [ -n "$over_live" ]; then
        # In one transaction, which whoever has it open sees.
        sqlite over "$poured" "$live" || store_failed
    else
        if ! cp "$poured" "$target.part" 2> "$scratch/store"; then
            rm -f "$target.part"
            fail 1 "$target cannot be written: $(said store)"
        fi
        mv "$target.part" "$target"
    fi
}

pour() {
    load "$BACKUP_NAME.db" dd "of=$poured" bs=1M || {
        [ $? != 65 ] || storage_failed
        fail 1 "$scratch cannot be written: $(said store)"
    }
    sqlite look "$poured" > "$scratch/rows" || store_failed
}

store_drill() {
    pour
}

store_migrate() {
    # shellcheck disable=SC2086 # a command with its arguments
    APP_STORE__PATH=$poured $BACKUP_MIGRATE 9>&-
}

# store_post URL FILE
store_post() {
    python3 -c '
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], open(sys.argv[2], "rb").read(), timeout=10)
' "$1" "$2" 2> /dev/null
}
