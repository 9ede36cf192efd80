#!/usr/bin/env bash
# Starts Apache Kafka (KRaft) on 127.0.0.1 and prints one JSON line when it answers.
#   start.sh [--port P] [--brokers 1|3] [--separate-controller] [--dir DIR] [--partitions N] [--first-id N] [--set key=value]…
# --brokers 3                        three nodes, each broker and controller (ports P, P+2, P+4)
# --brokers 3 --separate-controller  one controller and three brokers
# Output: {"bootstrap":…,"pid":…,"pids":[…],"startMs":…,"rssMb":…,"dir":…}
#   startMs: from the start of the first broker process to the first Metadata answer that lists every broker.
#   rssMb:   resident memory of all its processes 3 seconds later (idle).
# --cores LIST                       where its processes run, as taskset takes it
# Environment: KAFKA_HEAP_OPTS, KAFKA_OPTS (more JVM options), KAFKA_PEER_CACHE, KAFKA_PEER_VERSION.
# Everything is at Kafka's defaults for production (heap 1 GiB, G1), except: listeners on loopback, log folder below
# DIR, and replication of the internal topics = min(brokers, 3).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd); . "$here/jars.sh"
port=9092 brokers=1 separate=0 dir= partitions=1 first_id=1 pin=() extra=()
while [ $# -gt 0 ]; do case $1 in
  --port) port=$2; shift 2;; --brokers) brokers=$2; shift 2;; --separate-controller) separate=1; shift;;
  --dir) dir=$2; shift 2;; --partitions) partitions=$2; shift 2;; --first-id) first_id=$2; shift 2;; --cores) pin=(taskset -c "$2"); shift 2;; --set) extra+=("$2"); shift 2;;
  *) echo "unknown option $1" >&2; exit 2;; esac; done
cp=$(kafka_classpath)
conf=$KAFKA_PEER_CACHE/$KAFKA_PEER_VERSION
[ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/kafka-peer-run.XXXXXX")
mkdir -p "$dir"
rf=$(( brokers < 3 ? brokers : 3 )); min_isr=$(( rf > 1 ? 2 : 1 ))

declare -A role listen; nodes=(); voters=() bootstrap=()
if [ "$separate" = 1 ]; then
  nodes+=(100); role[100]=controller; listen[100]="CONTROLLER://127.0.0.1:$((port + 1))"; voters+=("100@127.0.0.1:$((port + 1))")
fi
for ((i = first_id; i < first_id + brokers; i++)); do
  p=$((port + 2 * (i - first_id))); nodes+=("$i"); bootstrap+=("127.0.0.1:$p")
  if [ "$separate" = 1 ]; then role[$i]=broker; listen[$i]="PLAINTEXT://127.0.0.1:$p"
  else role[$i]=broker,controller; listen[$i]="PLAINTEXT://127.0.0.1:$p,CONTROLLER://127.0.0.1:$((p + 1))"; voters+=("$i@127.0.0.1:$((p + 1))"); fi
done

quorum=$(IFS=,; echo "${voters[*]}")
cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | tr -d '=')
for id in "${nodes[@]}"; do
  mkdir -p "$dir/$id"
  {
    echo "process.roles=${role[$id]}"
    echo "node.id=$id"
    echo "controller.quorum.voters=$quorum"
    echo "listeners=${listen[$id]}"
    [ "${role[$id]}" = controller ] || echo "advertised.listeners=$(tr ',' '\n' <<<"${listen[$id]}" | grep PLAINTEXT)"
    echo "controller.listener.names=CONTROLLER"
    echo "inter.broker.listener.name=PLAINTEXT"
    echo "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"
    # The values of the stock server.properties.
    echo "num.network.threads=3"; echo "num.io.threads=8"
    echo "socket.send.buffer.bytes=102400"; echo "socket.receive.buffer.bytes=102400"; echo "socket.request.max.bytes=104857600"
    echo "num.partitions=$partitions"; echo "num.recovery.threads.per.data.dir=2"
    echo "log.retention.hours=168"; echo "log.segment.bytes=1073741824"; echo "log.retention.check.interval.ms=300000"
    echo "log.dirs=$dir/$id/data"
    echo "offsets.topic.replication.factor=$rf"
    echo "transaction.state.log.replication.factor=$rf"; echo "transaction.state.log.min.isr=$min_isr"
    echo "share.coordinator.state.topic.replication.factor=$rf"; echo "share.coordinator.state.topic.min.isr=$min_isr"
    for e in "${extra[@]+"${extra[@]}"}"; do echo "$e"; done
  } > "$dir/$id/server.properties"
  java -Xmx256m -cp "$cp" -Dlog4j2.configurationFile="$conf/log4j2-tools.xml" kafka.tools.StorageTool format -t "$cluster" -c "$dir/$id/server.properties" > "$dir/$id/format.log" 2>&1
done

pids=() since=$(date +%s%3N)
for id in "${nodes[@]}"; do
  # A broker outlives this script, so it must not keep files open that the caller holds (a lock, a pipe).
  ( for fd in /proc/self/fd/*; do n=${fd##*/}; [ "$n" -le 2 ] || eval "exec $n>&-"; done
  exec setsid ${pin[@]+"${pin[@]}"} java ${KAFKA_HEAP_OPTS:--Xmx1G -Xms1G} -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
    -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true ${KAFKA_OPTS:-} \
    -Dkafka.logs.file="$dir/$id/server.log" -Dlog4j2.configurationFile="$conf/log4j2-broker.xml" \
    -cp "$cp" kafka.Kafka "$dir/$id/server.properties" > "$dir/$id/stdout.log" 2>&1 < /dev/null ) &
  pids+=($!)
done
printf '%s\n' "${pids[@]}" > "$dir/pids"
if ! startms=$(node --disable-warning=ExperimentalWarning "$here/probe.ts" "${bootstrap[0]}" --brokers "$brokers" --since "$since" --timeout-ms 120000); then
  tail -n 20 "$dir"/*/server.log "$dir"/*/stdout.log >&2 || true
  kill "${pids[@]}" 2>/dev/null || true; exit 1
fi
sleep 3
rss=0; for p in "${pids[@]}"; do rss=$((rss + $(awk '/VmRSS/{print $2}' "/proc/$p/status"))); done
[ "$separate" = 1 ] && first=${pids[1]} || first=${pids[0]}
printf '{"bootstrap":"%s","pid":%s,"pids":[%s],"startMs":%s,"rssMb":%s,"dir":"%s"}\n' \
  "$(IFS=,; echo "${bootstrap[*]}")" "$first" "$(IFS=,; echo "${pids[*]}")" "$startms" $((rss / 1024)) "$dir"
