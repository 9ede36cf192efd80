#!/bin/sh
# Records access.log.gz anew: starts a real nginx on a loopback port in a temporary folder, sends it requests, stops it, compresses its log.
# Needs nginx (Debian: nginx-light) and Node 24. Usage: examples/data/record-access-log.sh [requests, 40000 by default]
set -eu

requests=${1:-40000}
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
port=${PORT:-18080}
nginx=''
trap '[ -z "$nginx" ] || kill "$nginx" 2>/dev/null || true; rm -rf "$dir"' EXIT

mkdir -p "$dir/site/docs" "$dir/site/assets" "$dir/site/blog" "$dir/site/products" "$dir/site/download"
page() { printf '<!doctype html><title>%s</title><p>%s\n' "$1" "$(head -c "$2" /dev/zero | tr '\0' 'x')" > "$dir/site/$1"; }
page index.html 2100
for n in $(seq 1 40); do page "docs/chapter-$n.html" $((900 + n * 37)); done
page docs/index.html 1500
for n in $(seq 1 60); do page "blog/entry-$n.html" $((1200 + n * 53)); done
for n in $(seq 1 150); do page "products/$n.html" $((600 + n * 11)); done
page assets/site.css 4800
page assets/site.js 18200
page assets/logo.png 7300
page robots.txt 70
page favicon.ico 1100
head -c 1048576 /dev/urandom > "$dir/site/download/archive.bin"
sed -e "s#@DIR@#$dir#g" -e "s#@PORT@#$port#g" "$here/nginx.conf" > "$dir/nginx.conf"

if [ "$(id -u)" = 0 ]; then # nginx needs no rights here, so it gets none
  chown -R nobody "$dir"
  setpriv --reuid=nobody --regid=nogroup --clear-groups nginx -p "$dir" -e "$dir/error.log" -c "$dir/nginx.conf" &
else
  nginx -p "$dir" -e "$dir/error.log" -c "$dir/nginx.conf" &
fi
nginx=$!
node "$here/send-requests.ts" "$port" "$requests"
kill -QUIT "$nginx"
wait "$nginx" || true
nginx=''

gzip -9 -n -c "$dir/access.log" > "$here/access.log.gz"
echo "$(wc -l < "$dir/access.log") lines, $(wc -c < "$dir/access.log") bytes, $(wc -c < "$here/access.log.gz") compressed"
