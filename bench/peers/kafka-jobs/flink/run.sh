#!/usr/bin/env bash
# run.sh --bootstrap HOST:PORT --from TOPIC --to TOPIC --mode json|bytes --delivery exactly-once|at-least-once --parallelism P --checkpoint-ms 1000 [--end OFFSET --partitions N]
# run.sh build: only builds, if something has changed. With --end the job reads each of N partitions up to that offset, and ends.
# PEER_BUILD: folder for build outputs. JAVA_OPTS: replaces the garbage collector flag; a heap size in it wins over the 4 GiB here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${PEER_BUILD:-${TMPDIR:-/tmp}/millrace-peer-kafka-jobs}
if [ ! -d "$build/lib" ] || [ -n "$(find "$here/src" "$here/pom.xml" -newer "$build/peer-kafka-jobs-1.jar" 2>/dev/null | head -1)" ]; then
  mvn -q -B -f "$here/pom.xml" -DbuildDirectory="$build" package >&2
fi
[ "${1:-}" = build ] && exit
exec java -Xms4g -Xmx4g ${JAVA_OPTS:--XX:+UseParallelGC} -XX:+IgnoreUnrecognizedVMOptions \
  --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED \
  --add-opens=java.base/java.util.concurrent=ALL-UNNAMED --add-opens=java.base/java.nio=ALL-UNNAMED \
  --add-opens=java.base/java.net=ALL-UNNAMED --add-opens=java.base/java.text=ALL-UNNAMED --add-opens=java.base/java.time=ALL-UNNAMED \
  -cp "$build/peer-kafka-jobs-1.jar:$build/lib/*" peer.kafka.Main "$@"
