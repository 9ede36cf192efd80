#!/bin/sh
# An HDFS cluster for tests: Hadoop's own mini cluster from Maven, a name node and a data node in one process, with WebHDFS.
#
#   hdfs.sh build          brings its jars, if they are not there, and finds its class path
#   hdfs.sh run PORT DIR   runs it on 127.0.0.1 until it is ended; PORT is that of WebHDFS; data in DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=3.4.1
cache="${TMPDIR:-/tmp}/millrace-servers/hadoop-$version"

build() {
  [ -s "$cache/classpath" ] && [ -s "$cache/MiniHdfs.class" ] && return
  command -v mvn >/dev/null || { echo 'Maven is not installed' >&2; exit 3; }
  command -v javac >/dev/null || { echo 'Java is not installed' >&2; exit 3; }
  mkdir -p "$cache"
  mvn -q -f "$here/hdfs/pom.xml" -Dhadoop.version="$version" dependency:build-classpath -Dmdep.outputFile="$cache/classpath.pending" >&2
  javac -cp "$(cat "$cache/classpath.pending")" -d "$cache" "$here/hdfs/MiniHdfs.java"
  mv "$cache/classpath.pending" "$cache/classpath"
}

case "${1:-}" in
  build) build ;;
  run)
    build
    exec java -Xmx512m --add-opens java.base/java.lang=ALL-UNNAMED -cp "$cache:$(cat "$cache/classpath")" MiniHdfs "$2" "$3" ;;
  *) sed -n '2,6p' "$0"; exit 2 ;;
esac
