# shellcheck shell=dash
# Commands of the agent, run as root. Input on stdin is $SIZE bytes long, so that its end need not be told.

# INPUT: a private file in memory with that many bytes of stdin.
read_input() {
  INPUT=$RUN/input.$$
  (umask 077 && head -c "$1" >"$INPUT")
  [ "$(wc -c <"$INPUT")" -eq "$1" ] || { rm -f "$INPUT"; fail 'the input broke off'; }
}

# Used by what is read: put MODE OWNER PATH CONTENT, whole or not at all.
put() {
  [ -d "${3%/*}" ] || mkdir -p "${3%/*}"
  (umask 077 && printf '%s' "$4" >"$3.nexus-new") && { [ "$2" = 0:0 ] || chown "$2" "$3.nexus-new"; } &&
    chmod "$1" "$3.nexus-new" &&
    mv -f "$3.nexus-new" "$3" || fail "cannot write $3"
  if [ "$3" = "$PROGRAM" ]; then UPDATED=yes; fi
}

# configure SUM SIZE wait|go: SUM is of the files that the program consists of; others are asked for by exit code 75.
# With `wait` it ends once sshd listens.
configure() {
  local n=0 before after
  UPDATED=no
  wait_boot
  if [ "$1" != - ] && [ "$(cat "$PROGRAM" "$WRAPPER" "$ETC/sshd_config" 2>/dev/null | sha256sum)" != "$1  -" ]; then
    exit 75
  fi
  # The agent never asks twice at once; this is for one that was restarted meanwhile.
  exec 8>"$RUN/lock"
  if command -v flock >/dev/null; then flock 8; fi
  # Nothing runs yet that would have to read it again.
  before=none
  if [ -e "$UNITS/_sshd/runner" ]; then before=$(sshd_digest); fi
  read_input "$2"
  # shellcheck disable=SC1090
  . "$INPUT"
  rm -f "$INPUT"
  # An instance that was started before there was this folder.
  [ -d "$LOGINS" ] || mkdir -p "$LOGINS"
  expel
  : >"$RUN/expel"
  handover_end
  make_account
  U=$UNITS/_sshd
  if [ "$3" = wait ]; then
    [ -e "$U/wanted" ] || write_line "$U/wanted" Up
    unit_runner_ensure _sshd
  elif ! alive "$U/runner"; then
    sshd_begin
  fi
  settle_account
  if [ "$UPDATED" = yes ] && alive "$RUN/supervisor.pid"; then
    : >"$RUN/supervisor.planned"
    kill -TERM "$PID"
  else
    poke
  fi
  # A changed host key or sshd_config is read by the listener in place: sessions stay, so does its pid.
  after=$before
  if [ "$before" != none ]; then after=$(sshd_digest); fi
  if [ "$before" != "$after" ] && alive "$U/pid" && first_line "$RUN/sshd.pid"; then
    rm -f "$RUN/sshd.pid"
    kill -HUP "$PID"
  fi
  # Nobody waits for the end of a handover.
  [ "$3" = wait ] || return 0
  until first_line "$RUN/sshd.pid" || [ "$n" -ge 150 ]; do
    n=$((n + 1))
    sleep 0.02
  done
}

sshd_digest() {
  cat "$ETC/sshd_config" "$RUN/ssh_host_ed25519_key" 2>/dev/null | sha256sum
}

state() {
  wait_boot
  watch_home
  hash_files
  snapshot
  printf '%s' "$HEAD$SNAPSHOT"
}

# Prints the state at once and after each change, until stdin ends: so it does not outlive who asked. A line of stdin may
# renew the fence.
watch() {
  local reader
  wait_boot
  # Named before its FIFO is there: the supervisor removes those of nobody.
  claim "$RUN/$$.watcher"
  # Open before it is found: what is written to a FIFO that nobody has open is lost.
  mkfifo -m 0600 "$RUN/$$.pipe"
  exec 3<>"$RUN/$$.pipe"
  mv "$RUN/$$.pipe" "$RUN/watchers/$$"
  {
    state
    # Told once more when the other half was killed.
    while read -r _ <&3; do
      kill -0 $$ 2>/dev/null || exit 0
      rm -f "$RUN/$$.told"
      cat "$RUN/snapshot" || break
    done
    kill $$
  } </dev/null &
  reader=$!
  while IFS= read -r LINE; do
    case $LINE in 'fence '*) fence "${LINE#* }" ;; esac
  done
  kill "$reader" 2>/dev/null
  rm -f "$RUN/watchers/$$" "$RUN/$$.watcher" "$RUN/$$.told"
}

# up NAME DIGEST SIZE
unit_up() {
  load_account || fail 'the instance is not configured'
  U=$UNITS/$1
  if first_line "$U/digest" && [ "$LINE" = "$2" ] && first_line "$U/wanted" && [ "$LINE" = Up ]; then
    unit_tell "$1" Up
    return 0
  fi
  mkdir -p "$U"
  rm -f "$U/removed"
  read_input "$3"
  mv -f "$INPUT" "$U/def"
  write_line "$U/digest" "$2"
  write_line "$U/wanted" Up
  unit_tell "$1" Up
}

unit_down() {
  [ -d "$UNITS/$1" ] || return 0
  write_line "$UNITS/$1/wanted" Down
  unit_tell "$1" Stopped
}

unit_restart() {
  local asked=0
  U=$UNITS/$1
  first_line "$U/wanted" && [ "$LINE" = Up ] || fail "the service $1 is not up"
  if first_line "$U/restart"; then asked=$LINE; fi
  write_line "$U/restart" $((asked + 1))
  unit_tell "$1" Up
}

unit_remove() {
  [ -d "$UNITS/$1" ] || return 0
  unit_down "$1"
  : >"$UNITS/$1/removed"
  rm -rf "${UNITS:?}/$1"
  poke
}

main() {
  local command=${1:-}
  [ $# -eq 0 ] || shift
  case $command in
    init) init_main ;;
    init-again) init_loop ;;
    supervise) supervise_main ;;
    state) state ;;
    watch) watch ;;
    configure) configure "$@" wait ;;
    up) unit_up "$@" ;;
    down) unit_down "$@" ;;
    restart) unit_restart "$@" ;;
    remove) unit_remove "$@" ;;
    fence) fence "$@" ;;
    job) job_start "$@" ;;
    check) check_main "$@" ;;
    unit-run) unit_run "$@" ;;
    unit-exec) unit_exec "$@" ;;
    unit-user) unit_user "$@" ;;
    unit-log) unit_log "$@" ;;
    unit-relog) unit_relog "$@" ;;
    job-run) job_run "$@" ;;
    job-exec) job_exec "$@" ;;
    job-user) job_user "$@" ;;
    job-log) job_log "$@" ;;
    clone-user) clone_user "$@" ;;
    check-exec) check_exec "$@" ;;
    check-user) check_user "$@" ;;
    look) look_main "$@" ;;
    look-user) look_user "$@" ;;
    credential) credential_main "$@" ;;
    *) fail "no command '$command'" ;;
  esac
}

main "$@"
exit
