# shellcheck shell=dash
# init keeps the supervisor alive, the supervisor the runners and loggers, a runner its process.

# The command of the instance. Ends on SIGTERM when the services have ended.
init_main() {
  local handed=no
  cd / || exit 1
  if [ -e "$RUN/handed" ]; then handed=yes; elif ! is_empty "$RUN"; then rm -rf "${RUN:?}"/*; fi
  # sshd wants it to be nobody else's to write to.
  if [ -d /run/sshd ]; then chmod 0755 /run/sshd; fi
  mkdir -p "$UNITS/_sshd" "$JOBS" "$RUN/watchers" "$LOGINS" "$LOGS" "$ETC" /run/sshd
  printf '%s\n' "$BASE_ENVIRONMENT" >"$RUN/base-env"
  printf '0\n' >"$RUN/supervisor.restarts"
  # sshd comes before everything else.
  if [ "$handed" = yes ]; then (make_account && sshd_begin && settle_account); fi
  first_line /proc/sys/kernel/random/uuid
  write_line "$RUN/boot-id" "$LINE"
  if [ "$handed" = yes ]; then
    exec </dev/null
    rm -f "$RUN/handed" "$RUN/boot" "$RUN/boot.pid"
  else
    handover_begin
  fi
  init_loop
}

init_loop() {
  local restarts began
  cd / || exit 1
  trap init_stop TERM INT
  trap init_again EXIT
  first_line "$RUN/supervisor.restarts"
  restarts=$LINE
  # After init_again it may still run, and is not known to this shell as its child.
  while alive "$RUN/supervisor.pid"; do sleep 1; done
  while :; do
    began=$(date +%s)
    sh "$PROGRAM" supervise </dev/null &
    wait $!
    if [ -e "$RUN/supervisor.planned" ]; then
      rm -f "$RUN/supervisor.planned"
      continue
    fi
    restarts=$((restarts + 1))
    write_line "$RUN/supervisor.restarts" "$restarts"
    note 'the supervisor ended and is started again'
    [ "$(date +%s)" -gt $((began + 1)) ] || sleep 1
  done
}

# A shell that cannot fork ends, and the instance with it. At the limit of processes it goes on in its own place; there is
# no way to sleep without a process either.
init_again() {
  local n=0
  while [ "$n" -lt 300000 ]; do n=$((n + 1)); done
  exec sh "$PROGRAM" init-again
}

init_stop() {
  local n=0 unit busy
  trap - EXIT
  trap '' TERM INT
  : >"$RUN/stopping"
  for unit in "$UNITS"/*/; do
    if alive "$unit/runner"; then kill -USR1 "$PID" 2>/dev/null; else end_unit "$unit" & fi
  done
  while [ "$n" -lt 130 ]; do
    busy=no
    for unit in "$UNITS"/*/; do
      if alive "$unit/pid" || alive "$unit/runner"; then busy=yes; fi
    done
    [ "$busy" = yes ] || break
    n=$((n + 1))
    sleep 0.1
  done
  # Sessions and what they left: shells write their history, editors their recovery files.
  trap '' HUP
  kill -HUP -1 2>/dev/null
  kill -TERM -1 2>/dev/null
  sleep 0.2
  exit 0
}

end_unit() {
  if alive "$1/pid"; then end_group "$PID" 100; fi
}

sshd_exec() {
  local program known option
  [ -d /run/sshd ] || mkdir -m 0755 /run/sshd
  [ ! -e "$RUN/sshd.pid" ] || rm -f "$RUN/sshd.pid"
  program=$(command -v sshd) || { echo 'nexus: the image has no sshd'; exit 127; }
  # An option that a version does not know would keep it from starting, and to ask it costs as much as a start. busybox takes
  # no -a, and finds one thing at a time.
  if ! known=$(LC_ALL=C grep -ao -e persourcepenalties -e logverbose "$program" 2>/dev/null); then
    for option in persourcepenalties logverbose; do
      if LC_ALL=C grep -q "$option" "$program"; then known="$known $option"; fi
    done
  fi
  set --
  # From 9.8 on. Connections through the engine or a jump host share one address: one person's failures must not lock out
  # the others.
  case $known in *persourcepenalties*) set -- -oPerSourcePenalties=no ;; esac
  # From 8.5 on sshd can say which process has accepted which key (pump_sshd). It need not run the command of sshd_config then,
  # which would cost every login two shells.
  case $known in
    *logverbose*)
      set -- "$@" '-oLogVerbose=auth.c:auth_log():*' -oAuthorizedKeysCommand=none "-oAuthorizedKeysFile=$ETC/authorized_keys"
      ;;
  esac
  exec env -i "PATH=$IMAGE_PATH" "$program" -D -e -f "$ETC/sshd_config" "$@"
}

# One look every two seconds, at once when something pokes it. Shell built-ins do, but for the sleep.
supervise_main() {
  local n=0 last='' name
  cd / || exit 1
  trap 'WOKEN=yes' USR1
  trap 'exit 0' TERM
  write_line "$RUN/supervisor.version" "$VERSION"
  claim "$RUN/supervisor.pid"
  WOKEN=yes
  REPO_SEEN=- REPO_WAIT=0 FILES='' HOME_LOST=no
  while :; do
    [ ! -e "$RUN/stopping" ] || exit 0
    fence_check
    # Once more: a connection may just have been on its way in when the keys changed.
    if [ "$WOKEN" = no ] && [ -e "$RUN/expel" ]; then
      rm -f "$RUN/expel"
      expel
    fi
    QUICK=yes
    [ $((n % 5)) -ne 0 ] || QUICK=no
    if [ -e "$RUN/configured" ]; then
      for U in "$UNITS"/*/; do
        U=${U%/}
        NAME=${U##*/}
        [ "$NAME" = '*' ] || supervise_unit
      done
      supervise_jobs
      [ $((n % 5)) -ne 0 ] || watch_clone
      supervise_repository
    fi
    if [ "$WOKEN" = yes ] || [ $((n % 5)) -eq 0 ] || files_touched; then
      : >"$RUN/hashed"
      hash_files
    fi
    [ $((n % 5)) -ne 0 ] || watch_shell
    [ $((n % 2)) -ne 0 ] || watch_home
    [ $((n % 30)) -ne 0 ] || { bound_own_log; bound_logins; }
    WOKEN=no
    snapshot
    if [ "$SNAPSHOT" != "$last" ]; then
      last=$SNAPSHOT
      tell_watchers
    fi
    n=$((n + 1))
    if [ "$WOKEN" = no ]; then
      sleep 2 &
      wait $! 2>/dev/null
      [ "$WOKEN" = no ] || kill $! 2>/dev/null
    fi
  done
}

# fence SECONDS|off: the instance ends by itself unless this is said again within that time. Without a process of its own:
# where no more can be made, that must not end the instance.
fence() {
  local was=no now=yes
  [ ! -e "$RUN/fence" ] || was=yes
  case $1 in
    off)
      now=no
      [ "$was" = no ] || rm -f "$RUN/fence"
      ;;
    '' | *[!0-9]*) return 1 ;;
    *)
      uptime
      printf '%s\n' $((UPTIME + $1)) >"$RUN/fence"
      ;;
  esac
  [ "$was" = "$now" ] || poke
}

# UPTIME: seconds since the machine was started, asleep or not.
uptime() {
  first_line /proc/uptime || LINE=0
  UPTIME=${LINE%%.*}
}

# Called by the supervisor, whose parent is init.
fence_check() {
  local until
  [ -e "$RUN/fence" ] && first_line "$RUN/fence" || return 0
  until=$LINE
  # It is being written.
  [ -n "$until" ] || return 0
  uptime
  [ "$UPTIME" -ge "$until" ] || return 0
  note 'the node reached no server for the fence time: the instance ends, for the workspace may run elsewhere'
  kill -TERM "$PPID"
}

supervise_unit() {
  [ ! -e "$U/removed" ] || return 0
  first_line "$U/wanted" || return 0
  if [ "$LINE" = Up ] || alive "$U/pid"; then
    if ! alive "$U/runner"; then
      unit_runner_ensure "$NAME"
    elif ! alive "$U/logger"; then
      setsid sh "$PROGRAM" unit-relog "$NAME" </dev/null >/dev/null 2>&1 &
    fi
  fi
}

bound_own_log() {
  local size=0
  [ ! -f "$LOGS/_guest.log" ] || size=$(wc -c <"$LOGS/_guest.log")
  [ "$size" -lt 1048576 ] || mv -f "$LOGS/_guest.log" "$LOGS/_guest.log.1"
}

# A watcher is told by a line in its FIFO that the snapshot is new, and is not told again before it has read that. Opened
# for reading too, so that it never blocks.
tell_watchers() {
  local pipe name
  printf '%s' "$HEAD$SNAPSHOT" >"$RUN/snapshot.new" && mv -f "$RUN/snapshot.new" "$RUN/snapshot"
  for pipe in "$RUN"/watchers/*; do
    [ -p "$pipe" ] || continue
    name=$RUN/${pipe##*/}
    if ! alive "$name.watcher"; then
      echo 1<>"$pipe"
      rm -f "$pipe" "$name.watcher" "$name.told"
    elif [ ! -e "$name.told" ]; then
      : >"$name.told"
      echo 1<>"$pipe"
    fi
  done
}
