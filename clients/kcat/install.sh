#!/bin/sh
# Puts Debian's kcat, and the librdkafka it is built with, into the cache of the client matrix; nothing else of the machine is touched.
# Needs apt-get and dpkg-deb. Where kcat is installed already, the matrix takes that.
set -eu
cache=${MILLRACE_CLIENTS_CACHE:-${TMPDIR:-/tmp}/millrace-clients}/kcat
rm -rf "$cache"
mkdir -p "$cache/packages"
cd "$cache/packages"
apt-get download kcat librdkafka1 libyajl2
for package in *.deb; do dpkg-deb --extract "$package" "$cache"; done
dpkg-deb --field librdkafka1_*.deb Version | sed 's/-[^-]*$//' > "$cache/librdkafka-version"
echo "kcat is in $cache"
