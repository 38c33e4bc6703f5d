# shellcheck shell=dash
# A unit is a service, or sshd (_sshd). Each has a folder in $UNITS and a runner of its own, so that nothing that happens
# to the supervisor or to another unit touches it. In the folder:
#   wanted    Up or Down          def, digest  what to run, and its SHA-256      restart  counts the restarts asked for
#   status    state digest exit restarts since fails handled                     pid      "pid start" of the process
#   runner, logger  "pid start"   lock   held by the runner                      log      FIFO to the logger
# Commands change wanted, def and restart, and signal the runner, which looks at them: never at the signal.

unit_load() {
  STATE=Stopped DIGEST=- EXIT=- RESTARTS=0 SINCE=0 FAILS=0 HANDLED=0
  first_line "$1/status" || return 0
  # shellcheck disable=SC2086
  set -- $LINE
  [ $# -eq 7 ] || return 0
  STATE=$1 DIGEST=$2 EXIT=$3 RESTARTS=$4 SINCE=$5 FAILS=$6 HANDLED=$7
}

unit_save() {
  STATE=$1
  SINCE=$(date +%s)
  write_line "$U/status" "$STATE $DIGEST $EXIT $RESTARTS $SINCE $FAILS $HANDLED"
  poke
}

unit_wanted() {
  WANTED=Down
  if [ ! -e "$RUN/stopping" ] && first_line "$U/wanted"; then WANTED=$LINE; fi
}

# Whether the process runs what is wanted; else WHY.
unit_is_current() {
  WHY=
  unit_wanted
  [ "$WANTED" = Up ] || { WHY=down; return 1; }
  if first_line "$U/digest" && [ "$LINE" != "$DIGEST" ]; then WHY=changed; return 1; fi
  if first_line "$U/restart" && [ "$LINE" != "$HANDLED" ]; then WHY=restart; return 1; fi
}

unit_stop() {
  alive "$U/pid" || return 0
  if [ "$NAME" = _sshd ]; then
    # Only the listener: sessions have groups of their own and stay.
    kill -TERM "$PID" 2>/dev/null
    while alive "$U/pid"; do sleep 0.1; done
  else
    end_group "$PID" 100
  fi
}

unit_start() {
  [ ! -e "$U/pid" ] || rm -f "$U/pid"
  if first_line "$U/restart"; then HANDLED=$LINE; fi
  # The log is open for reading too: then a logger that died cannot break its pipe.
  if [ "$NAME" = _sshd ]; then
    DIGEST=sshd
    # First of all, and in this shell's own copy: people wait for it. Its connections make sessions of their own.
    (unit_exec _sshd) </dev/null >&7 2>&1 7>&- &
  else
    (umask 0377 && cat "$U/def" >"$U/def.new") && chown "$ACCOUNT_UID" "$U/def.new" && mv -f "$U/def.new" "$U/def.run"
    DIGEST=$(sha256sum <"$U/def.run")
    DIGEST=${DIGEST%% *}
    unit_save Starting
    setsid sh "$PROGRAM" unit-exec "$NAME" </dev/null >&7 2>&1 7>&- &
  fi
  CHILD=$!
  unit_logger
  until [ -e "$U/pid" ] || ! process_start "$CHILD"; do sleep 0.01; done
  unit_save Running
  STARTED=$SINCE
}

# Ended by itself: what is left of its group goes too, as it may hold the port.
unit_ended() {
  [ "$NAME" = _sshd ] || end_remains "$U/pid" 100
  RESTARTS=$((RESTARTS + 1))
  FAILS=$((FAILS + 1))
  [ $(($(date +%s) - STARTED)) -lt 60 ] || FAILS=1
  [ "$FAILS" -le 7 ] || FAILS=7
  note "unit $NAME ended (${EXIT})"
}

# 1, 2, 4 … 60 seconds; sshd, that everything depends on, at once for the first time.
unit_delay() {
  DELAY=60
  [ "$FAILS" -ge 7 ] || DELAY=$((1 << (FAILS - 1)))
  if [ "$NAME" = _sshd ] && [ "$FAILS" -eq 1 ]; then DELAY=0; fi
}

# Until the process ends or something was asked for. Of a process that another runner started there is no exit code,
# and nothing but looking tells its end.
unit_wait() {
  local code again
  if [ -z "$CHILD" ]; then
    EXIT=-
    sleep 1 7>&- 9>&- &
    wait $! 2>/dev/null
    return 0
  fi
  wait "$CHILD" 2>/dev/null
  code=$?
  if [ "$SIGNALLED" = yes ]; then
    SIGNALLED=no
    process_start "$CHILD" && return 0
    # The signal may have hidden its end; 127: that was told already.
    wait "$CHILD" 2>/dev/null
    again=$?
    [ "$again" -eq 127 ] || code=$again
  fi
  EXIT=$code
}

unit_run() {
  NAME=$1 U=$UNITS/$1 CHILD='' SIGNALLED=no STARTED=0
  cd / || exit 1
  exec 9>"$U/lock"
  take_lock "$U/lock" 9 || exit 0
  trap 'SIGNALLED=yes' USR1 TERM INT HUP
  claim "$U/runner"
  if [ "$NAME" != _sshd ]; then load_account || exit 1; fi
  if [ ! -p "$U/log" ]; then
    mkfifo -m 0600 "$U/log"
    [ "$NAME" = _sshd ] || chown "$ACCOUNT_UID" "$U/log"
  fi
  exec 7<>"$U/log"
  if alive "$U/pid"; then unit_logger; fi
  unit_load "$U"
  while :; do
    if alive "$U/pid"; then
      if unit_is_current; then
        case $STATE in Running) ;; *) unit_save Running ;; esac
        unit_wait
        if ! alive "$U/pid"; then unit_ended; unit_backoff; fi
        continue
      fi
      [ "$WHY" != restart ] || RESTARTS=$((RESTARTS + 1))
      unit_stop
      if [ -n "$CHILD" ]; then
        wait "$CHILD" 2>/dev/null
        EXIT=$?
        CHILD=
      fi
      STATE=Starting FAILS=0
      case $WHY in down) ;; *) continue ;; esac
    elif [ "$STATE" = Running ]; then
      # It ended between two looks, or nobody was there to see it end.
      EXIT=-
      [ -z "$CHILD" ] || unit_wait
      unit_ended
      unit_backoff
      continue
    fi
    unit_wanted
    if [ "$WANTED" != Up ]; then
      rm -f "$U/pid"
      unit_save Stopped
      exit 0
    fi
    unit_start
    # It may have ended before it could be looked at.
    if ! alive "$U/pid"; then unit_wait; unit_ended; unit_backoff; fi
  done
}

# Starts the logger when there is none.
unit_logger() {
  if alive "$U/logger"; then return 0; fi
  # Open before it is started: what is written until then waits in it even when the writers end first.
  exec 5<"$U/log"
  setsid sh "$PROGRAM" unit-log "$NAME" <&5 >/dev/null 2>&1 5<&- 7>&- 9>&- &
  exec 5<&-
}

# Waits to be started again; a changed definition, a restart and Down cut it short.
unit_backoff() {
  CHILD=
  unit_delay
  unit_save Backoff
  while [ "$DELAY" -gt 0 ] && [ $(($(date +%s) - SINCE)) -lt "$DELAY" ]; do
    if ! unit_is_current; then
      [ "$WHY" != restart ] || RESTARTS=$((RESTARTS + 1))
      break
    fi
    SIGNALLED=no
    # Without the lock, which a later runner needs should this one be killed.
    sleep $((DELAY - $(date +%s) + SINCE)) 7>&- 9>&- &
    wait $! 2>/dev/null
    if [ "$SIGNALLED" = yes ]; then kill $! 2>/dev/null; fi
  done
  STATE=Starting
}

# What the process of a unit is before it becomes its command. It names itself while it still holds the runner's lock,
# so that no second one can ever be started beside it.
unit_exec() {
  NAME=$1 U=$UNITS/$1
  claim "$U/pid"
  exec 9>&-
  if [ "$NAME" = _sshd ]; then sshd_exec; fi
  load_account || exit 1
  as_user sh "$PROGRAM" unit-user "$NAME"
}

# As the user. Its definition holds the common environment too.
unit_user() {
  load_account || exit 1
  nexus_home=$ACCOUNT_HOME nexus_repository=$REPOSITORY nexus_shell=$SHELL nexus_dir='' nexus_command=''
  nexus_definition=$UNITS/$1/def.run
  load_environment
  # shellcheck disable=SC1090
  . "$nexus_definition"
  enter_repository
  if [ -n "$nexus_dir" ]; then
    cd "$nexus_dir" || {
      printf 'nexus: no folder %s\n' "$nexus_dir"
      exit 1
    }
  fi
  exec "$nexus_shell" -c "$nexus_command"
}

# Starts sshd, from a shell that is no command of the agent's: its copy becomes the runner.
sshd_begin() {
  [ -e "$UNITS/_sshd/wanted" ] || printf 'Up\n' >"$UNITS/_sshd/wanted"
  (unit_run _sshd) </dev/null >/dev/null 2>&1 8>&- &
}

unit_runner_ensure() {
  if alive "$UNITS/$1/runner"; then return 0; fi
  setsid sh "$PROGRAM" unit-run "$1" </dev/null >/dev/null 2>&1 8>&- &
}

# Copies stdin to the log. Ends when neither the runner nor anything of the unit has the FIFO open.
unit_log() {
  exec 6>"$UNITS/$1/logger.lock"
  take_lock "$UNITS/$1/logger.lock" 6 || exit 0
  end_remains "$UNITS/$1/logger" 10
  claim "$UNITS/$1/logger"
  cd / || exit 1
  # The shell keeps the lock under another number; dd does not get it.
  if [ "$1" = _sshd ]; then pump_sshd "$LOGS/$1.log"; else pump "$LOGS/$1.log" 6>&-; fi
}

# In place of one that was killed. The FIFO is opened by the new process: with nobody writing that waits.
unit_relog() {
  exec <"$UNITS/$1/log"
  unit_log "$1"
}

# Tells the runner of $1 until $2 holds, up to 13 s: a signal may come just before it listens.
unit_tell() {
  local n=0
  U=$UNITS/$1
  until unit_settled "$2"; do
    if [ $((n % 10)) -eq 0 ]; then
      if alive "$U/runner"; then kill -USR1 "$PID" 2>/dev/null; else unit_runner_ensure "$1"; fi
    fi
    n=$((n + 1))
    [ "$n" -lt 150 ] || fail "the service $1 does not become $2"
    if [ "$n" -lt 20 ]; then sleep 0.02; else sleep 0.1; fi
  done
}

unit_settled() {
  unit_load "$U"
  case $1 in
    Stopped) ! alive "$U/pid" && ! alive "$U/runner" ;;
    *)
      case $STATE in Running | Backoff) ;; *) return 1 ;; esac
      unit_is_current
      ;;
  esac
}
