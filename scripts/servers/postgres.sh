#!/bin/sh
# A PostgreSQL server for tests, from Debian's packages: as installed, or unpacked into a folder under the temp directory.
#
#   postgres.sh build          brings it, if it is not there
#   postgres.sh run PORT DIR   runs it on 127.0.0.1 until it is ended; user, password and database: millrace; TLS with DIR/server.crt where that is there
set -eu
cache="${TMPDIR:-/tmp}/millrace-servers/postgresql"

programs() {
  for found in $(command -v postgres || true) /usr/lib/postgresql/*/bin/postgres "$cache"/usr/lib/postgresql/*/bin/postgres; do
    found=$(readlink -f "$found")
    [ -x "$found" ] && [ -x "$(dirname "$found")/initdb" ] && { dirname "$found"; return; }
  done
  return 1
}

build() {
  programs >/dev/null && return
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo 'PostgreSQL is not installed, and there is no apt-get to bring it' >&2; exit 3; }
  # Downloaded and unpacked: needs no rights, and starts no service.
  mkdir -p "$cache"
  name=$(apt-cache search --names-only '^postgresql-[0-9]+$' | cut -d' ' -f1 | sort -V | tail -n 1)
  [ -n "$name" ] || { echo 'apt-get knows no PostgreSQL' >&2; exit 3; }
  (cd "$cache" && apt-get download "$name" libpq5 >&2 && for file in *.deb; do dpkg-deb -x "$file" . && rm "$file"; done)
  programs >/dev/null || { echo 'PostgreSQL could not be unpacked' >&2; exit 3; }
}

# The server refuses to be run by root.
as_someone() {
  if [ "$(id -u)" -eq 0 ]; then exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; else exec "$@"; fi
}

case "${1:-}" in
  build) build ;;
  run)
    build
    bin=$(programs)
    data="$3/postgres"
    if [ ! -e "$data/PG_VERSION" ]; then
      mkdir -p "$data"
      chmod 700 "$data"
      [ "$(id -u)" -ne 0 ] || { chown nobody:nogroup "$data"; chmod a+rx "$3"; }
      echo millrace >"$3/password"
      chmod a+r "$3/password"
      (as_someone "$bin/initdb" -D "$data" -U millrace --pwfile="$3/password" --auth=scram-sha-256 --no-sync --encoding=UTF8 --locale=C >&2)
    fi
    tls=
    if [ -e "$3/server.crt" ]; then
      cp "$3/server.crt" "$3/server.key" "$data/"
      [ "$(id -u)" -ne 0 ] || chown nobody:nogroup "$data/server.crt" "$data/server.key"
      chmod 600 "$data/server.key"
      tls='-c ssl=on'
    fi
    # A server that was killed leaves its lock behind; this folder is nobody else's.
    rm -f "$data/postmaster.pid"
    # shellcheck disable=SC2086
    as_someone "$bin/postgres" -D "$data" -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=32MB -c max_connections=300 $tls ;;
  *) sed -n '2,6p' "$0"; exit 2 ;;
esac
