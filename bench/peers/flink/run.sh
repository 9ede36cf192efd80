#!/usr/bin/env bash
# run.sh QUERY --events N --parallelism P --backend heap|rocksdb --checkpoint-ms 1000|off --seed 42 --repeat R [--warm-seconds S] [--checksum off]
# run.sh build: only builds, if something has changed.
# QUERY may be a list (q0,q1): all then share one JVM, good for checking, not for measuring.
# One JSON line per repeat; the first one ran on a cold JVM ("warm":false).
# PEER_BUILD: folder for build outputs. JAVA_OPTS: replaces the garbage collector flag; a heap size in it wins over the 4 GiB here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${PEER_BUILD:-${TMPDIR:-/tmp}/millrace-peer-flink}
if [ ! -d "$build/lib" ] || [ -n "$(find "$here/src" "$here/pom.xml" -newer "$build/peer-flink-1.jar" 2>/dev/null | head -1)" ]; then
  mvn -q -B -f "$here/pom.xml" -DbuildDirectory="$build" package >&2
fi
[ "${1:-}" = build ] && exit
exec java -Xms4g -Xmx4g ${JAVA_OPTS:--XX:+UseParallelGC} -XX:+IgnoreUnrecognizedVMOptions \
  --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED \
  --add-opens=java.base/java.util.concurrent=ALL-UNNAMED --add-opens=java.base/java.nio=ALL-UNNAMED \
  --add-opens=java.base/java.net=ALL-UNNAMED --add-opens=java.base/java.text=ALL-UNNAMED --add-opens=java.base/java.time=ALL-UNNAMED \
  -cp "$build/peer-flink-1.jar:$build/lib/*" peer.flink.Main "$@"
