#!/bin/sh
# An S3 server for tests: versitygw, built with Go from the module proxy into a folder under the temp directory, over a plain folder.
#
#   s3.sh build          builds it, if it is not there
#   s3.sh run PORT DIR   runs it on 127.0.0.1 until it is ended; each folder in DIR is a bucket; keys: millrace / millrace-secret
set -eu
version=v1.8.0
cache="${TMPDIR:-/tmp}/millrace-servers/versitygw-$version"

build() {
  [ -x "$cache/versitygw" ] && return
  command -v go >/dev/null || { echo 'Go is not installed' >&2; exit 3; }
  # Built beside its name: two that build at once do not meet.
  mkdir -p "$cache"
  pending=$(mktemp -d "$cache/build-XXXXXX")
  GOBIN="$pending" go install "github.com/versity/versitygw/cmd/versitygw@$version" >&2
  mv "$pending/versitygw" "$cache/versitygw"
  rmdir "$pending"
}

case "${1:-}" in
  build) build ;;
  run)
    build
    mkdir -p "$3/.sidecar"
    exec "$cache/versitygw" --access millrace --secret millrace-secret --port "127.0.0.1:$2" --quiet posix --sidecar "$3/.sidecar" "$3/buckets" ;;
  *) sed -n '2,6p' "$0"; exit 2 ;;
esac
