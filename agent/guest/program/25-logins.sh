# shellcheck shell=dash
# Who is logged in by which key: a file a connection, named after its process, holds the key's fingerprint. sshd says both in
# its log; a version that cannot (sshd_exec) runs a command for each key that it is shown, which leaves the key itself there.

LOGINS=$RUN/logins

# Copies the log of sshd from stdin, line by line and without a process, to a file that is bounded as others are (pump).
pump_sshd() {
  local size=0 text pid
  [ ! -f "$1" ] || size=$(wc -c <"$1")
  while IFS= read -r LINE; do
    case $LINE in
      'auth.c:auth_log():'*' (pid='*'): '*)
        text=${LINE#*\): }
        pid=${LINE#*\(pid=}
        pid=${pid%%\)*}
        LINE=$text
        case $text in
          'Accepted publickey for '*' SHA256:'*)
            text=SHA256:${text##* SHA256:}
            printf '%s\n' "${text%%[!A-Za-z0-9+/:]*}" >"$LOGINS/$pid"
            ;;
          # No news: the key was shown.
          Postponed*) continue ;;
        esac
        ;;
    esac
    if [ "$size" -ge $((LOG_BYTES - 65536)) ]; then
      mv -f "$1" "$1.1"
      size=0
    fi
    # Without space it is dropped.
    if printf '%s\n' "$LINE" >>"$1" 2>/dev/null; then size=$((size + ${#LINE} + 1)); fi
  done
}

# Ends the connections of keys that are not authorised any more, with what they run. Others are not touched.
expel() {
  local file pid key authorized child shell newline='
'
  authorized=$(cat "$ETC/authorized_keys" 2>/dev/null)
  for file in "$LOGINS"/*; do
    pid=${file##*/}
    login_process "$pid" || { rm -f "$file"; continue; }
    first_line "$file" || continue
    key=$LINE
    [ -n "$key" ] || continue
    case "$authorized$newline" in *"$key "* | *"$key$newline"*) continue ;; esac
    note 'a key is not authorised any more; a connection by it is ended'
    # shellcheck disable=SC2013 # words
    for child in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do
      # What it runs, with all of its process group.
      # shellcheck disable=SC2013
      for shell in $(cat "/proc/$child/task/$child/children" 2>/dev/null); do
        kill -HUP "-$shell" "$shell" 2>/dev/null
      done
      kill -TERM "$child" 2>/dev/null
    done
    kill -TERM "$pid" 2>/dev/null
    rm -f "$file"
  done
  return 0
}

# Files of connections that are over.
bound_logins() {
  local file
  for file in "$LOGINS"/*; do
    [ -e "$file" ] || continue
    login_process "${file##*/}" || rm -f "$file"
  done
}

# A pid may be another program's by now.
login_process() {
  first_line "/proc/$1/comm" || return 1
  case $LINE in sshd*) return 0 ;; esac
  return 1
}
