#!/usr/bin/env bash
# Puts Apache Kafka's jars and their dependencies into a cache folder and prints the class path.
# Sourced by start.sh and main.ts; may also be run on its own.
#   KAFKA_PEER_CACHE    cache folder   (default ${TMPDIR:-/tmp}/kafka-peer)
#   KAFKA_PEER_VERSION  Kafka version  (default 4.1.1)
set -euo pipefail
KAFKA_PEER_VERSION=${KAFKA_PEER_VERSION:-4.1.1}
KAFKA_PEER_CACHE=${KAFKA_PEER_CACHE:-${TMPDIR:-/tmp}/kafka-peer}
export KAFKA_PEER_VERSION KAFKA_PEER_CACHE

kafka_classpath() {
  local home=$KAFKA_PEER_CACHE/$KAFKA_PEER_VERSION
  if [ ! -e "$home/complete" ]; then
    rm -rf "$home"; mkdir -p "$home/lib"
    cat > "$home/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>peer</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_PEER_VERSION</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$KAFKA_PEER_VERSION</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
  </dependencies>
</project>
POM
    (cd "$home" && mvn -B -q dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$home/lib") >&2
    # Same appender shape as the stock broker (INFO, to a file); tools log warnings to stderr only.
    cat > "$home/log4j2-broker.xml" <<'X'
<Configuration status="ERROR"><Appenders>
  <File name="f" fileName="${sys:kafka.logs.file:-/dev/null}"><PatternLayout pattern="[%d] %p %m (%c)%n"/></File>
</Appenders><Loggers><Root level="INFO"><AppenderRef ref="f"/></Root>
  <Logger name="kafka.request.logger" level="WARN"/><Logger name="kafka.network.RequestChannel$" level="WARN"/>
</Loggers></Configuration>
X
    cat > "$home/log4j2-tools.xml" <<'X'
<Configuration status="ERROR"><Appenders>
  <Console name="e" target="SYSTEM_ERR"><PatternLayout pattern="[%d] %p %m (%c)%n"/></Console>
</Appenders><Loggers><Root level="WARN"><AppenderRef ref="e"/></Root></Loggers></Configuration>
X
    touch "$home/complete"
  fi
  printf '%s/lib/*' "$home"
}

# Runs one of Kafka's own tools by class name: kafka_tool org.apache.kafka.tools.TopicCommand --list …
kafka_tool() {
  local cp; cp=$(kafka_classpath)
  java ${KAFKA_TOOL_HEAP:--Xms512m -Xmx512m} -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
    -Dlog4j2.configurationFile="$KAFKA_PEER_CACHE/$KAFKA_PEER_VERSION/log4j2-tools.xml" -cp "$cp" "$@"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then kafka_classpath; echo; fi
