# shellcheck shell=dash
# Clone and hooks: run once for a token, in the background, as the user. In $JOBS/<job>:
#   token  status (`Running -`, `Succeeded 0`, `Failed CODE`)  pid  worker (its pid)  tail (base64)  request
#   received (MiB, of a clone)

# job NAME TOKEN SECONDS SIZE: starts it with the request on stdin. Does nothing when it runs or ran for this token, but
# for a clone that failed. One that runs for another token is ended.
job_start() {
  local job=$JOBS/$1
  load_account || fail 'the instance is not configured'
  if first_line "$job/token" && [ "$LINE" = "$2" ] && first_line "$job/status"; then
    case $1/$LINE in
      clone/Failed*) ;;
      */Running*) if alive "$job/pid" || [ "$1" != clone ]; then return 0; fi ;;
      *) return 0 ;;
    esac
  fi
  read_input "$4"
  if alive "$job/pid"; then
    end_group "$PID" 150
  elif first_line "$job/status" && [ "$LINE" = 'Running -' ]; then
    end_session "$job/worker"
  fi
  rm -rf "$job"
  mkdir -p "$job"
  # shellcheck disable=SC1090
  . "$INPUT"
  rm -f "$INPUT"
  write_line "$job/seconds" "$3"
  write_line "$job/token" "$2"
  setsid sh "$PROGRAM" job-run "$1" </dev/null >/dev/null 2>&1 8>&- &
  until [ -e "$job/status" ] || ! process_start $!; do sleep 0.01; done
}

job_log_name() {
  case $1 in clone) echo clone ;; *) echo "hook-$1" ;; esac
}

job_run() {
  local job=$JOBS/$1 log worker logger code n=0
  # Named before it is said to run: one that is said to run and does not was killed.
  claim "$job/pid"
  write_line "$job/status" 'Running -'
  poke
  log=$LOGS/$(job_log_name "$1").log
  cd / || exit 1
  load_account || exit 1
  mkfifo -m 0600 "$job/log" && chown "$ACCOUNT_UID" "$job/log"
  exec 7<>"$job/log"
  # Open before the logger is started, which a quick job may outrun.
  exec 6<"$job/log"
  [ ! -f "$log" ] || mv -f "$log" "$log.1"
  : >"$log"
  # What a clone that was cut off has left, whoever it belongs to.
  [ "$1" != clone ] || rm -rf "$ACCOUNT_HOME/.nexus-clone"
  setsid sh "$PROGRAM" job-log "$1" <&6 >/dev/null 2>&1 6<&- 7>&- &
  logger=$!
  exec 6<&-
  worker=
  trap 'job_forget "$job"; [ -z "$worker" ] || end_group "$worker" 50; exit 1' TERM INT
  setsid sh "$PROGRAM" job-exec "$1" </dev/null >&7 2>&1 7>&- &
  worker=$!
  wait "$worker"
  code=$?
  # What a hook leaves in the background is meant to stay, unless its time was up.
  case $1/$code in clone/* | */124 | */137 | */143) end_group "$worker" 50 ;; esac
  first_line "$job/seconds"
  case $code in
    124 | 137 | 143) printf 'nexus: ended after %s seconds\n' "$LINE" >&7 ;;
  esac
  case $1/$code in clone/124 | clone/137 | clone/143) code=12 ;; esac
  exec 7>&-
  while process_start "$logger" && [ "$n" -lt 20 ]; do
    n=$((n + 1))
    sleep 0.05
  done
  job_forget "$job"
  if [ "$code" -eq 0 ]; then
    if [ "$1" = clone ]; then look_main quick; fi
    write_line "$job/status" 'Succeeded 0'
  else
    write_line "$job/tail" "$(tail -c 2048 "$log" | base64 | tr -d '\n')"
    write_line "$job/status" "Failed $code"
  fi
  poke
}

job_forget() {
  rm -f "$1/request"
}

job_exec() {
  claim "$JOBS/$1/worker"
  load_account || exit 1
  first_line "$JOBS/$1/seconds" || exit 1
  as_user timeout -k 10 "$LINE" sh "$PROGRAM" job-user "$1"
}

job_log() {
  cd / || exit 1
  pump "$LOGS/$(job_log_name "$1").log"
}

job_user() {
  load_account || exit 1
  nexus_command=''
  # shellcheck disable=SC1090
  . "$JOBS/$1/request"
  workspace_environment
  cd "$nexus_home" || exit 1
  # A program of its own, whose variables the workspace's cannot disturb.
  if [ "$1" = clone ]; then exec sh /opt/nexus/guest clone-user "$nexus_home"; fi
  enter_repository
  exec "$nexus_shell" -c "$nexus_command"
}

# How much of a repository has come, once that is worth telling.
watch_clone() {
  local size
  first_line "$JOBS/clone/status" && [ "$LINE" = 'Running -' ] && load_account || return 0
  size=$(du -sk "$ACCOUNT_HOME/.nexus-clone/.git/objects/pack" 2>/dev/null) || return 0
  size=$((${size%%[!0-9]*} / 1024))
  [ "$size" -lt 10 ] || tell_line "$JOBS/clone/received" "$size"
}

# A job that was killed has failed, and what it ran is ended: the next one would meet it.
supervise_jobs() {
  local name
  for name in clone preStart postStart preStop; do
    first_line "$JOBS/$name/status" && [ "$LINE" = 'Running -' ] || continue
    [ -e "$JOBS/$name/pid" ] && ! alive "$JOBS/$name/pid" || continue
    first_line "$JOBS/$name/status" && [ "$LINE" = 'Running -' ] || continue
    end_session "$JOBS/$name/worker"
    job_forget "$JOBS/$name"
    write_line "$JOBS/$name/status" 'Failed 137'
  done
}

# check SECONDS COMMAND…: as the user in the repository; nothing of it is left when it ends.
check_main() {
  local worker code
  load_account || fail 'the instance is not configured'
  setsid sh "$PROGRAM" check-exec "$@" </dev/null 2>&1 &
  worker=$!
  wait "$worker"
  code=$?
  end_group "$worker" 5
  exit "$code"
}

check_exec() {
  local seconds=$1
  shift
  load_account || exit 1
  as_user timeout -k 2 "$seconds" sh "$PROGRAM" check-user "$@"
}

check_user() {
  load_account || exit 1
  workspace_environment
  enter_repository
  exec "$@"
}
