# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # `backup` reads this file, and has the rest
# What `backup` does with PostgreSQL. The database is APP_STORE__URL, the service's own.
#
# BACKUP_JOBS: for a large database so many jobs at a time, by a folder on this disk
# instead of a stream.

# Where the store of an installed service is, if nothing else is said. Its password, if it has
# one, is in a file that root alone can read: the units are given a copy, and so is this run.
store_of() {
    export APP_STORE__URL="postgres:///$1?host=/run/postgresql&user=$1"
    [ -f "/etc/$1/pgpass" ] || return 0
    install -m 600 -o "$1" -g "$1" "/etc/$1/pgpass" "$folder/pgpass"
    export PGPASSFILE="$folder/pgpass"
}

store_begin() {
    [ -n "${APP_STORE__URL:-}" ] ||
        fail 78 "APP_STORE__URL is not set: the database, such as postgres://user@host/$BACKUP_NAME"
    url=$APP_STORE__URL
    parameters=
    case $url in
        *\?*) parameters="?${url#*\?}" ;;
    esac
    without=${url%%\?*}
    case $without in
        *://*/?*) ;;
        *) fail 78 "APP_STORE__URL names no database: postgres://user@host/$BACKUP_NAME" ;;
    esac
    rights=
    live=${without##*/}
    server=${without%/*}
    for program in psql pg_dump pg_restore; do
        command -v "$program" > /dev/null || fail 78 "$program is not here: apt-get install postgresql-client"
    done
    # A backup may take longer than a request.
    export PGOPTIONS="-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
    export PGAPPNAME="backup" PGCONNECT_TIMEOUT=10
}

store_end() {
    exec 7>&- 6<&-
    [ -z "${drilled:-}" ] || { kill -INT "$drilled" && wait "$drilled"; } 2> /dev/null || true
    rm -f "$folder/pgpass"
}

store_failed() {
    case $(said store) in
        *"server version mismatch"*)
            fail 1 "pg_dump is older than the server: apt-get install postgresql-client-VERSION, that of the server" ;;
        *"could not connect"* | *"connection to server"*)
            fail 69 "the database cannot be reached: $(said store)" ;;
        *"No space left"*)
            fail 1 "a disk is full: $(said store)" ;;
        *role*"does not exist"*)
            fail 1 "this server lacks a role that has rights in the backup: createuser --no-login ROLE, and again: $(said store)" ;;
        *"permission denied to create extension"* | *"must be owner of extension"*)
            fail 1 "the backup has an extension that only a superuser may make: ALTER ROLE … SUPERUSER, again, and NOSUPERUSER: $(said store)" ;;
        *"end of file"* | *"not a valid archive"* | *"does not appear to be"*)
            fail 65 "backup $id is cut off: take another one by its ID (backup list): $(said store)" ;;
        *) fail 1 "PostgreSQL: $(said store)" ;;
    esac
}

# The URL of another database of this server.
database() {
    echo "$server/$1$parameters"
}

ask() {
    psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 --dbname "$1" 9>&-
}

# One row for each table: schema.table=rows.
COUNT='SELECT format('\''SELECT %L || count(*) FROM %I.%I'\'', schemaname || '\''.'\'' || tablename || '\''='\'', schemaname, tablename)
FROM pg_tables WHERE schemaname NOT IN ('\''pg_catalog'\'', '\''information_schema'\'')
AND schemaname || tablename ~ '\''^[A-Za-z0-9_]+$'\'' ORDER BY 1 \gexec'

# ---- saving -----------------------------------------------------------------

store_take() {
    # One moment for all: the rows are counted in the transaction whose view of the data
    # pg_dump is given.
    mkfifo "$scratch/asked" "$scratch/told"
    ask "$url" < "$scratch/asked" > "$scratch/told" 2> "$scratch/store" &
    exec 7> "$scratch/asked" 6< "$scratch/told"
    echo 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();' >&7
    read -r snapshot <&6 || store_failed
    printf '%s\n\\echo counted\n' "$COUNT" >&7
    while read -r line <&6 || store_failed; do
        [ "$line" != counted ] || break
        tags=$tags,rows:$line
    done
    if [ -n "${BACKUP_JOBS:-}" ]; then
        by_folder
    else
        tags=$tags,format:custom
        # restic compresses, and stores once what has not changed since yesterday: of a
        # stream that is compressed already it could tell neither.
        save "$BACKUP_NAME.dump" pg_dump --dbname "$url" --snapshot "$snapshot" \
            --format custom --compress 0 --no-owner
    fi
    exec 7>&- 6<&-
}

by_folder() {
    tags=$tags,format:directory
    pg_dump --dbname "$url" --snapshot "$snapshot" --jobs "$BACKUP_JOBS" --format directory \
        --compress 0 --no-owner --file "$scratch/dump" 2> "$scratch/store" 9>&- || store_failed
    # shellcheck disable=SC2046 # two options
    (cd "$scratch/dump" && restic backup --quiet --json $(own) --tag "$tags" . 9>&-) \
        > "$scratch/summary" 2> "$scratch/storage" || storage_failed
}

# ---- restoring --------------------------------------------------------------

# Whether it may be restored into that: what has tables is somebody's.
store_target() {
    case $target in
        *[!A-Za-z0-9_-]* | -*) fail 2 "'$target' is no name of a database: letters, digits, _ and -" ;;
    esac
    into=$(database "$target")
    admin=$(database postgres)
    there=$(printf "SELECT 1 FROM pg_database WHERE datname = '%s'\n" "$target" | ask "$admin" 2> "$scratch/store") ||
        store_failed
    [ -n "$there" ] || return 0
    echo "$COUNT" | ask "$into" > "$scratch/rows" 2> "$scratch/store" || store_failed
    [ -s "$scratch/rows" ] || return 0
    [ "$target" = "$live" ] ||
        fail 2 "the database $target has tables already: restore into a new one"
    [ -n "$over_live" ] ||
        fail 2 "$target is the live database: restore into another, such as ${live}_restored; or say --over-live, with the service stopped"
}

store_restore() {
    [ -z "$over_live" ] || [ -z "$there" ] || nothing_beside
    made=
    if [ -z "$there" ]; then
        printf 'CREATE DATABASE "%s"\n' "$target" | ask "$admin" 2> "$scratch/store" ||
            fail 1 "cannot make the database $target, have somebody do it who may: createdb --owner USER $target: $(said store)"
        made=1
    fi
    pour
}

# What the backup has not would stay, among it what a later migration has made; the migration
# would come again, and fail at it.
nothing_beside() {
    cut -d = -f 1 "$scratch/manifest" | sort > "$scratch/have"
    cut -d = -f 1 "$scratch/rows" | sort | comm -13 "$scratch/have" - > "$scratch/beside"
    [ ! -s "$scratch/beside" ] ||
        fail 2 "$target has tables that backup $id has not, and which would stay: restore into a new database: $(said beside)"
}

# The chosen backup into $into, all or nothing.
pour() {
    if [ "$format" = directory ]; then
        storage restore "$id" --target "$scratch/dump"
        toc=$(find "$scratch/dump" -name toc.dat)
        # Jobs share no transaction.
        jobs=--jobs=${BACKUP_JOBS:-2}
        [ -z "$over_live" ] || jobs=--single-transaction
        pg_restore --dbname "$into" --no-owner ${rights:+"$rights"} --exit-on-error "$jobs" \
            ${over_live:+--clean --if-exists} "$(dirname "$toc")" 2> "$scratch/store" 9>&- ||
            not_poured 1
    else
        load "$BACKUP_NAME.dump" pg_restore --dbname "$into" --no-owner ${rights:+"$rights"} --exit-on-error \
            --single-transaction ${over_live:+--clean --if-exists} || not_poured $?
    fi
    echo "$COUNT" | ask "$into" > "$scratch/rows" 2> "$scratch/store" || store_failed
}

# Nothing is left that could be taken for whole.
not_poured() {
    if [ -n "${made:-}" ]; then
        printf 'DROP DATABASE "%s"\n' "$target" | ask "$admin" 2> "$scratch/drop" || true
    elif [ -n "${target:-}" ] && [ "$format" = directory ] && [ -z "$over_live" ]; then
        say "$target may have half of it: drop that database, and make it anew" >&2
    fi
    [ "$1" != 65 ] || storage_failed
    store_failed
}

# ---- the drill --------------------------------------------------------------

# initdb asks for its user's name, and a pod's user has none: it gets one, as the image of
# PostgreSQL gives it, too.
named() {
    ! getent passwd "$(id -u)" > /dev/null || return 0
    for wrapper in /usr/lib/*/libnss_wrapper.so; do :; done
    [ -f "$wrapper" ] || return 0
    echo "postgres:x:$(id -u):$(id -g):::/bin/false" > "$scratch/passwd"
    echo "postgres:x:$(id -g):" > "$scratch/group"
    export LD_PRELOAD="$wrapper" NSS_WRAPPER_PASSWD="$scratch/passwd" NSS_WRAPPER_GROUP="$scratch/group"
}

# A server of its own, by a socket in this run's folder.
store_drill() {
    [ "$(id -u)" != 0 ] || fail 78 "PostgreSQL does not run as root: run the drill as another user"
    for programs in /usr/lib/postgresql/*/bin; do :; done
    [ ! -d "$programs" ] || PATH=$programs:$PATH
    command -v initdb > /dev/null || fail 78 "PostgreSQL's server is not here: apt-get install postgresql"
    (
        named
        exec initdb --auth trust --username postgres --encoding UTF8 --locale C \
            --no-sync -D "$scratch/server"
    ) > /dev/null 2> "$scratch/store" 9>&- || store_failed
    postgres -D "$scratch/server" -k "$folder" -c listen_addresses= -c fsync=off \
        -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c jit=off \
        > "$scratch/store" 2>&1 9>&- &
    drilled=$!
    server=postgres://
    parameters="?host=$folder&user=postgres"
    until pg_isready --quiet --dbname "$(database postgres)"; do
        kill -0 "$drilled" 2> /dev/null || store_failed
        sleep 0.2
    done
    over_live=
    # Who has rights is nobody here.
    rights=--no-privileges
    echo 'CREATE DATABASE drill' | ask "$(database postgres)"
    into=$(database drill)
    pour
}

store_migrate() {
    # shellcheck disable=SC2086 # a command with its arguments
    APP_STORE__URL=$into PGOPTIONS='' $BACKUP_MIGRATE 9>&-
}

# store_post URL FILE
store_post() {
    perl -MHTTP::Tiny -e '
        open my $file, "<", $ARGV[1] or exit 1;
        my $body = join "", <$file>;
        my $told = HTTP::Tiny->new(timeout => 10)->post($ARGV[0], { content => $body });
        exit !$told->{success};
    ' "$1" "$2"
}
