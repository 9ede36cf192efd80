#!/bin/sh
# A schema registry for tests: Apicurio Registry, from Maven Central into a folder under the temp directory, with its data in memory. Needs Java 17 and Maven.
#
#   registry.sh build          brings it, if it is not there
#   registry.sh run PORT DIR   runs it on 127.0.0.1 until it is ended; Confluent's interface is below /apis/ccompat/v7
set -eu
version=2.6.13.Final
cache="${TMPDIR:-/tmp}/millrace-servers/apicurio-registry-$version"
program="apicurio-registry-app-$version-runner.jar"

build() {
  command -v java >/dev/null || { echo 'Java is not installed' >&2; exit 3; }
  [ -e "$cache/$program" ] && return
  command -v mvn >/dev/null || { echo 'Maven is not installed' >&2; exit 3; }
  # Unpacked beside its name: two that build at once do not meet.
  mkdir -p "$cache"
  pending=$(mktemp -d "$cache/build-XXXXXX")
  (cd "$pending" && mvn -B -q dependency:copy "-Dartifact=io.apicurio:apicurio-registry-app:$version:tar.gz:all" -DoutputDirectory="$pending" >&2)
  tar -xzf "$pending/apicurio-registry-app-$version-all.tar.gz" -C "$pending"
  [ -d "$cache/lib" ] || mv "$pending/lib" "$cache/lib"
  mv "$pending/$program" "$cache/$program"
  rm -r "$pending"
}

case "${1:-}" in
  build) build ;;
  run)
    build
    cd "$3"
    exec java -Xmx256m -XX:TieredStopAtLevel=1 -Djava.io.tmpdir="$3" -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$2" -Dquarkus.log.level=WARN -jar "$cache/$program" ;;
  *) sed -n '2,5p' "$0"; exit 2 ;;
esac
