# Faults of PostgreSQL, read by ../fault.
#
# Those that are SQL ask the server that DATABASE_URL names, as somebody who may do that; on
# a machine with the server, without one, as `postgres`.
# shellcheck shell=bash disable=SC2154 # $where, $seconds: of who reads this

# Sets $psql: one program, so that a signal reaches it.
connect() {
    psql=(psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1)
    if [ -n "${DATABASE_URL:-}" ]; then
        psql+=(--dbname "$DATABASE_URL")
    elif [ "$platform" = host ]; then
        psql=(setpriv --reuid=postgres --regid=postgres --init-groups "${psql[@]}" --dbname "$where")
    else
        fail "DATABASE_URL is not set: the service's database, by a role that may see all connections"
    fi
}

# Each connection of the database but this one is cut off.
cut() {
    connect
    say "$("${psql[@]}" --command "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'") connections are cut"
}

# Whoever reads or writes the table waits. The lock goes with its transaction, and that with
# its time, whatever becomes of this script.
locked() {
    local table=${TABLE:-items}
    say "locks $table for $seconds s; Ctrl-C ends it"
    connect
    "${psql[@]}" --single-transaction --command "LOCK TABLE $table IN ACCESS EXCLUSIVE MODE" \
        --command "SELECT pg_sleep($seconds)" > /dev/null &
    lock=$!
    # shellcheck disable=SC2034 # ../fault calls it
    undo=unlock
    wait "$lock"
}

# psql cancels what it has asked when it is interrupted. It may have ended by itself.
unlock() {
    kill -INT "$lock" 2> /dev/null || true
    wait "$lock" || true
}

# All places of the server but those that it reserves are taken.
full() {
    lasting let_go take_all
}

take_all() {
    local count
    connect
    count=$("${psql[@]}" --command "SELECT current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int - count(*)
        FROM pg_stat_activity WHERE backend_type = 'client backend'")
    takers=()
    say "takes $count connections"
    while [ "${#takers[@]}" -lt "$count" ]; do
        "${psql[@]}" --command "SELECT pg_sleep($((seconds + 5)))" > /dev/null 2>&1 &
        takers+=($!)
    done
}

let_go() {
    kill -INT "${takers[@]}" 2> /dev/null || true
    wait "${takers[@]}" || true
}

# The pods lose the label by which the component network-policy lets them reach it.
kubernetes_database_away() {
    in_kubernetes get networkpolicy --output name | grep -q 'database$' ||
        fail "$where has no NetworkPolicy of the component network-policy: nothing would be cut off"
    lasting reach_again in_kubernetes label pods --selector app.kubernetes.io/component=api network/database-
}

reach_again() {
    in_kubernetes label pods --selector app.kubernetes.io/component=api --overwrite network/database=allowed
}

# A server elsewhere.
host_database_away() {
    lasting nothing_lost lost_to 5432
}

# The server of this machine says nothing more, as one whose disk hangs.
host_database_stopped() {
    postgres=${POSTGRES_UNIT:-postgresql@15-main.service}
    lasting go_on systemctl kill --signal STOP "$postgres"
}

go_on() {
    systemctl kill --signal CONT "$postgres"
}

kubernetes_database_cut() { cut; }
host_database_cut() { cut; }
kubernetes_database_locked() { locked; }
host_database_locked() { locked; }
kubernetes_database_full() { full; }
host_database_full() { full; }
