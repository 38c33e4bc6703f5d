#!/bin/sh
# shellcheck shell=dash disable=SC2015,SC2094,SC2154,SC2317
# (tests joined by && and ||, files written by way of another, variables and functions used by what is read from files)
# The inside of a Nexus workspace: runs sshd and the services, and tells what it sees. Made of the files in
# agent/guest/program, in order. POSIX sh with `local`; dash, busybox ash and bash run it. Secrets are only ever in $RUN.
# What the image sets is for services and sessions too, but for what belongs to a login. Taken before anything of ours is
# set, which may bear the same names.
case ${1:-} in
  init) BASE_ENVIRONMENT=$(unset HOME USER LOGNAME SHELL MAIL PWD OLDPWD TERM HOSTNAME SHLVL _ container && export -p) ;;
esac
set -u
umask 022

VERSION='@VERSION@'
PROGRAM=/opt/nexus/guest
ETC=/opt/nexus/etc
WRAPPER=/opt/nexus/shell
RUN=/run/nexus
LOGS=/var/log/nexus
UNITS=$RUN/units
JOBS=$RUN/jobs
# Of one log file; a full one is kept beside it as .1.
LOG_BYTES=5242880
ACCOUNT_UID=1000

IMAGE_PATH=$PATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
export PATH

# Waits for init, which empties $RUN first: up to 10 s. What waits for the program on stdin, in vain after a second, is told
# that it came another way.
wait_boot() {
  local n=0
  until [ -r "$RUN/boot-id" ]; do
    n=$((n + 1))
    [ "$n" -le 200 ] || fail 'the instance was started without its init'
    if [ "$n" -gt 20 ] && first_line "$RUN/boot.pid" && [ -n "$LINE" ]; then kill "$LINE" 2>/dev/null; fi
    sleep 0.05
  done
}

fail() {
  printf 'nexus: %s\n' "$*" >&2
  exit 1
}

# One line a thing that happened, in a bounded file.
note() {
  [ -d "$LOGS" ] || return 0
  printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >>"$LOGS/_guest.log"
}

# The first line of a file into LINE; empty when there is none.
first_line() {
  LINE=
  [ -r "$1" ] || return 1
  { IFS= read -r LINE || [ -n "$LINE" ]; } 2>/dev/null <"$1"
}

# Whole or not at all.
write_line() {
  printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"
}

# START: when the process was started, in ticks since the machine was; with a pid it names a process for good. ID: its pid,
# for `self` that of this very process, which $$ is not in a subshell. SESSION: that which it belongs to.
process_start() {
  local text='' line=''
  START='' ID='' SESSION=''
  [ -r "/proc/$1/stat" ] || return 1
  # The name of a program may hold newlines.
  while IFS= read -r line || [ -n "$line" ]; do
    text="$text $line"
    line=
  done 2>/dev/null <"/proc/$1/stat"
  ID=${text%%(*}
  ID=${ID% }
  ID=${ID# }
  # shellcheck disable=SC2086 # split into fields, from the third on
  set -- ${text##*) }
  [ $# -ge 20 ] || return 1
  case $1 in Z | X) return 1 ;; esac
  SESSION=$4
  shift 19
  START=$1
}

# Whether the process "pid start" of a file lives; PID is its pid. With QUICK=yes a pid that was given out again is not
# told apart: for who looks all the time, as reading the start takes a shell 300 system calls.
QUICK=no
alive() {
  local at
  PID=
  first_line "$1" || return 1
  PID=${LINE%% *}
  at=${LINE##* }
  [ -n "$PID" ] || return 1
  if [ "$QUICK" = yes ]; then
    kill -0 "$PID" 2>/dev/null
  else
    process_start "$PID" && [ "$START" = "$at" ]
  fi
}

# Names this very process in a file. A new one is not whole at once, but names nobody until it is.
claim() {
  process_start self
  if [ -e "$1" ]; then write_line "$1" "$ID $START"; else printf '%s\n' "$ID $START" >"$1"; fi
}

# Takes the lock of file $1, open as $2, for as long as anything has it open; fails when another has it. Without flock(1)
# a link that names its holder does, for as long as that one lives.
take_lock() {
  local mine holder
  if command -v flock >/dev/null; then
    flock -n "$2"
    return
  fi
  process_start self
  mine=$ID:$START
  if ln -s "$mine" "$1.held" 2>/dev/null; then return 0; fi
  holder=$(readlink "$1.held") || return 1
  if process_start "${holder%%:*}" && [ "$START" = "${holder##*:}" ]; then return 1; fi
  # Of several that see it dead one moves it; that one looks again at what it moved.
  mv "$1.held" "$1.${mine%:*}" 2>/dev/null || return 1
  if [ "$(readlink "$1.${mine%:*}")" != "$holder" ]; then
    mv "$1.${mine%:*}" "$1.held"
    return 1
  fi
  rm -f "$1.${mine%:*}"
  ln -s "$mine" "$1.held" 2>/dev/null
}

# Ends what is left of a process group: SIGTERM, and SIGKILL after $2 tenths of a second. Its leader may be our child:
# every sleep lets the shell collect it.
end_group() {
  local n=0
  kill -TERM "-$1" 2>/dev/null || kill -TERM "$1" 2>/dev/null || return 0
  while kill -0 "-$1" 2>/dev/null || process_start "$1"; do
    n=$((n + 1))
    if [ "$n" -eq "$2" ]; then kill -KILL "-$1" 2>/dev/null || kill -KILL "$1" 2>/dev/null; fi
    [ "$n" -lt $(($2 + 20)) ] || return 1
    sleep 0.1
  done
}

# Ends what is left of the group of a process "pid start" that ended. A pid that was given out again is left alone: it can
# only have been when the group was empty.
end_remains() {
  if first_line "$1"; then
    if process_start "${LINE%% *}" && [ "$START" != "${LINE##* }" ]; then return 0; fi
    end_group "${LINE%% *}" "$2"
  fi
}

# Ends at once what is left of the session of a process "pid start", also what made groups of its own in it, as timeout does.
end_session() {
  local session found at n=0
  first_line "$1" || return 0
  session=${LINE%% *}
  if process_start "$session" && [ "$START" != "${LINE##* }" ]; then return 0; fi
  while [ "$n" -lt 20 ]; do
    found=
    for at in /proc/[0-9]*; do
      process_start "${at#/proc/}" && [ "$SESSION" = "$session" ] || continue
      found=yes
      kill -KILL "$ID" 2>/dev/null
    done
    [ -n "$found" ] || return 0
    n=$((n + 1))
    sleep 0.05
  done
}

# Wakes the supervisor, so that it looks at once.
poke() {
  if alive "$RUN/supervisor.pid"; then kill -USR1 "$PID" 2>/dev/null; fi
  return 0
}

# Copies stdin to a file as it comes and starts it anew when it is full: at most two files of $LOG_BYTES.
pump() {
  local size after
  while :; do
    size=0
    [ ! -f "$1" ] || size=$(wc -c <"$1")
    if [ "$size" -ge $((LOG_BYTES - 65536)) ]; then
      mv -f "$1" "$1.1"
      size=0
    fi
    # Reads are at most 4096 bytes each, so that many cannot overfill it, and short ones are not waited for.
    if dd bs=4096 count=$(((LOG_BYTES - size) / 4096)) >>"$1" 2>/dev/null; then
      after=$(wc -c <"$1")
      [ "$after" -gt "$size" ] || return 0
    else
      # No space: drop what comes rather than block who writes.
      dd bs=4096 count=16 of=/dev/null 2>/dev/null || return 0
      sleep 1
    fi
  done
}
