#!/bin/sh
# Keeps the agent of this node running where there is no systemd, as in a container. `nexus node add` starts it.
pid=/run/nexus-agent.pid
log=/var/log/nexus-agent.log
export NEXUS_HOME=/var/lib/nexus
child=
stop() {
  trap - TERM INT
  [ -z "$child" ] || kill "$child" 2>/dev/null
  wait
  rm -f "$pid"
  exit 0
}
trap stop TERM INT
echo $$ >"$pid"
while :; do
  # Bounded: what is older than the last ten megabytes goes.
  [ "$(wc -c <"$log" 2>/dev/null || echo 0)" -lt 10000000 ] || mv "$log" "$log.1"
  /usr/local/bin/nexus agent </dev/null >>"$log" 2>&1 &
  child=$!
  wait "$child"
  sleep 2 &
  child=$!
  wait "$child"
done
