# shellcheck shell=dash
# What the agent hands over on stdin with the start of the instance: the input of `configure`, so that sshd need not wait
# for a command of the agent's. After a start by the engine alone nothing comes, and the agent's own `configure` ends this.

# Called by init, of whose stdin it reads.
handover_begin() {
  exec 9<&0 </dev/null
  (handover_main) <&9 9<&- &
  exec 9<&-
}

# The first line is `nexus-handover SIZE`.
handover_main() {
  cd / || exit 1
  claim "$RUN/handover.pid"
  IFS= read -r LINE || LINE=
  rm -f "$RUN/handover.pid"
  case $LINE in
    'nexus-handover '*[!0-9]* | 'nexus-handover ') exit 1 ;;
    'nexus-handover '*) configure - "${LINE#* }" go ;;
  esac
}

# What came another way takes its place.
handover_end() {
  if alive "$RUN/handover.pid"; then kill "$PID" 2>/dev/null; fi
  rm -f "$RUN/handover.pid"
}
