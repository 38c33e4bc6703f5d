# shellcheck shell=dash
# Who is logged in by which key: sshd runs a command for each key that it is shown (sshd_config), which leaves the key in a
# file that is named after the process of that connection.

LOGINS=$RUN/logins

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
