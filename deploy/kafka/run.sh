#!/usr/bin/env bash
# One Apache Kafka node for one machine: fetched with Maven, formatted once, started and stopped.
#
#   deploy/kafka/run.sh fetch     fetch the jars if they are missing
#   deploy/kafka/run.sh start     fetch the jars if they are missing, start, wait until it listens, print the address
#   deploy/kafka/run.sh stop      stop it and wait
#   deploy/kafka/run.sh kill      end it at once, as a crash would; the data stays
#   deploy/kafka/run.sh status    say whether it runs
#   deploy/kafka/run.sh run       stay in the foreground, for a supervisor
#   deploy/kafka/run.sh wipe      remove the data of a stopped node
#
# Needs Java 17 or newer, and Maven for the first start. KAFKA_PORT (9092) and KAFKA_DATA (deploy/kafka/data) choose port and
# folder; the controller listens one port above. The jars stay in deploy/kafka/libs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
port=${KAFKA_PORT:-9092}
data=$(realpath -m "${KAFKA_DATA:-$here/data}")
libs=$here/libs
pidfile=$data/kafka.pid
java_options=(-Xms256m -Xmx384m -XX:+UseSerialGC -XX:MaxDirectMemorySize=64m -Djava.awt.headless=true
  "-Dlog4j2.configurationFile=$here/log4j2.xml")

fail() { echo "$*" >&2; exit 1; }

running() { [[ -f $pidfile ]] && kill -0 "$(<"$pidfile")" 2>/dev/null; }

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

fetch() {
  [[ -f $libs/.complete ]] && return
  command -v mvn >/dev/null || fail "Maven is needed to fetch Kafka"
  mvn -q -B -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DoutputDirectory="$libs" -DincludeScope=runtime
  touch "$libs/.complete"
}

needs_java() { command -v java >/dev/null || fail "Java 17 or newer is needed"; }

prepare() {
  needs_java
  fetch
  mkdir -p "$data"
  sed -e "s|@PORT@|$port|g" -e "s|@CONTROLLER_PORT@|$((port + 1))|g" -e "s|@DATA@|$data|g" \
    "$here/server.properties.in" >"$data/server.properties"
  if [[ ! -f $data/log/meta.properties ]]; then
    local id
    id=$(java "${java_options[@]}" -cp "$libs/*" kafka.tools.StorageTool random-uuid)
    java "${java_options[@]}" -cp "$libs/*" kafka.tools.StorageTool format --standalone -t "$id" \
      -c "$data/server.properties" --ignore-formatted >"$data/format.log" 2>&1 || fail "formatting failed, see $data/format.log"
  fi
}

start() {
  running && fail "already running with process $(<"$pidfile")"
  listening && fail "port $port is in use"
  prepare
  cd "$data"
  nohup setsid java "${java_options[@]}" -cp "$libs/*" kafka.Kafka "$data/server.properties" >>"$data/kafka.out" 2>&1 </dev/null &
  echo $! >"$pidfile"
  for _ in $(seq 300); do
    listening && { echo "127.0.0.1:$port"; return; }
    running || fail "Kafka ended at start, see $data/kafka.out"
    sleep 0.1
  done
  fail "Kafka does not listen after 30 seconds, see $data/kafka.out"
}

stop() {
  running || return 0
  local pid
  pid=$(<"$pidfile")
  kill -"$1" "$pid"
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || { rm -f "$pidfile"; return 0; }
    sleep 0.1
  done
  fail "process $pid does not end"
}

case ${1:-} in
  fetch) needs_java; fetch ;;
  start) start ;;
  stop) stop TERM ;;
  kill) stop KILL ;;
  status) if running; then echo "running, 127.0.0.1:$port, process $(<"$pidfile")"; else echo "stopped"; exit 3; fi ;;
  run) prepare; cd "$data"; exec java "${java_options[@]}" -cp "$libs/*" kafka.Kafka "$data/server.properties" ;;
  wipe) running && fail "still running"; rm -rf "$data" ;;
  *) sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
