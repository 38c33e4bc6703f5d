# shellcheck shell=dash
# What the agent is told, line by line; agent/guest/parse-state.ts reads it. Made with built-ins from files in $RUN.

MANAGED="$PROGRAM $WRAPPER $ETC/sshd_config $ETC/authorized_keys $RUN/user $RUN/env $RUN/about $RUN/ssh_host_ed25519_key $RUN/git-login $RUN/git-key"

# The repository's own description of its workspace, and how much of it is told.
CONFIG_FILE=.nexus/config.yaml
CONFIG_BYTES=16384

# FILES: `file SHA256 path` of the managed files that are there.
hash_files() {
  local sum path
  # shellcheck disable=SC2086
  FILES=$(sha256sum $MANAGED 2>/dev/null | while read -r sum path; do printf 'file %s %s\n' "$sum" "$path"; done)
}

# Whether a managed file was written or removed since hash_files. What it cannot see, the slower full look does.
files_touched() {
  local path
  for path in $MANAGED; do
    if [ -e "$path" ]; then
      [ ! "$path" -nt "$RUN/hashed" ] || return 0
    else
      case $FILES in *" $path"*) return 0 ;; esac
    fi
  done
  return 1
}

# Everything into HEAD and SNAPSHOT, with $FILES as they were hashed last. HEAD tells when the look began, in hundredths of a
# second since the machine was started: two that look side by side may tell in the other order. The rest is the same for the
# same state.
snapshot() {
  local boot='' version configured=no running=no restarts unit name newline='
'
  HEAD="nexus-guest 1$newline"
  if first_line /proc/uptime; then
    LINE=${LINE%% *}
    HEAD="${HEAD}at ${LINE%.*}${LINE#*.}$newline"
  fi
  first_line "$RUN/boot-id" && boot=$LINE
  version=$VERSION
  first_line "$RUN/supervisor.version" && version=$LINE
  [ ! -e "$RUN/configured" ] || [ ! -e "$RUN/env" ] || configured=yes
  SNAPSHOT="boot $boot${newline}version $version${newline}configured $configured$newline"
  [ ! -e "$RUN/fence" ] || SNAPSHOT="${SNAPSHOT}fenced yes$newline"
  [ "$HOME_LOST" = no ] || SNAPSHOT="${SNAPSHOT}home lost$newline"
  U=$UNITS/_sshd
  unit_load "$U"
  if [ "$STATE" = Running ] && alive "$U/pid" && first_line "$RUN/sshd.pid" && [ "$LINE" = "$PID" ]; then running=yes; fi
  SNAPSHOT="${SNAPSHOT}sshd $running $RESTARTS$newline"
  running=no
  alive "$RUN/supervisor.pid" && running=yes
  first_line "$RUN/supervisor.restarts" || LINE=0
  restarts=$LINE
  SNAPSHOT="${SNAPSHOT}supervisor $running $restarts$newline"
  [ -z "$FILES" ] || SNAPSHOT=$SNAPSHOT$FILES$newline
  for unit in "$UNITS"/*/; do
    unit=${unit%/}
    name=${unit##*/}
    case $name in '*' | _sshd) ;; *) snapshot_service "$name" "$unit" ;; esac
  done
  for name in clone preStart postStart preStop; do snapshot_job "$name"; done
  if first_line "$RUN/repository"; then
    SNAPSHOT="${SNAPSHOT}repository $LINE$newline"
    if first_line "$RUN/repository.lacks" && [ -n "$LINE" ]; then SNAPSHOT="${SNAPSHOT}lacks $LINE$newline"; fi
    if first_line "$RUN/repository.config" && [ -n "$LINE" ]; then SNAPSHOT="${SNAPSHOT}config $LINE$newline"; fi
  fi
  SNAPSHOT="${SNAPSHOT}end$newline"
}

snapshot_service() {
  local wanted
  first_line "$2/wanted" && [ ! -e "$2/removed" ] || return 0
  wanted=$LINE
  unit_load "$2"
  PID=-
  case $STATE in Running) alive "$2/pid" || { STATE=Backoff; PID=-; } ;; esac
  SNAPSHOT="${SNAPSHOT}service $1 $wanted $STATE $DIGEST $PID $EXIT $RESTARTS $SINCE$newline"
}

# A job whose process is gone without having told its end failed.
snapshot_job() {
  local token state
  first_line "$JOBS/$1/token" || return 0
  token=$LINE
  first_line "$JOBS/$1/status" || return 0
  state=$LINE
  if [ "$state" = 'Running -' ] && ! alive "$JOBS/$1/pid"; then
    # It may have told just now.
    first_line "$JOBS/$1/status" && state=$LINE
    [ "$state" != 'Running -' ] || state='Failed 137'
  fi
  SNAPSHOT="${SNAPSHOT}job $1 $state $token$newline"
  case $1/$state in
    */Failed*) if first_line "$JOBS/$1/tail"; then SNAPSHOT="${SNAPSHOT}tail $1 $LINE$newline"; fi ;;
    clone/Running*) if first_line "$JOBS/clone/received"; then SNAPSHOT="${SNAPSHOT}received $LINE$newline"; fi ;;
  esac
}

# Looks at the repository when its HEAD or its configuration moved, and every minute or less often when that takes long.
supervise_repository() {
  local head=''
  load_account || return 0
  if [ ! -e "$REPOSITORY/.git" ]; then
    REPO_SEEN=-
    [ ! -e "$RUN/repository" ] || rm -f "$RUN/repository"
    return 0
  fi
  if first_line "$REPOSITORY/.git/HEAD"; then
    head=$LINE
    case $head in 'ref: '*) if first_line "$REPOSITORY/.git/${head#ref: }"; then head="$head $LINE"; fi ;; esac
  fi
  REPO_WAIT=$((REPO_WAIT - 1))
  [ "$head" != "$REPO_SEEN" ] || [ "$REPO_WAIT" -le 0 ] || [ "$REPOSITORY/$CONFIG_FILE" -nt "$RUN/repository.looked" ] || return 0
  if alive "$RUN/repository.pid"; then return 0; fi
  REPO_SEEN=$head
  REPO_WAIT=30
  : >"$RUN/repository.looked"
  if first_line "$RUN/repository.seconds"; then REPO_WAIT=$((30 + LINE * 30)); fi
  setsid sh "$PROGRAM" look full </dev/null >/dev/null 2>&1 &
  process_start $! && write_line "$RUN/repository.pid" "$! $START"
}

# look quick, or look full: dirty too. As the user: a repository's settings may run programs.
look_main() {
  local began found=$RUN/repository.$$
  load_account || exit 1
  began=$(date +%s)
  if { [ "$1" = full ] && (as_user timeout 60 sh "$PROGRAM" look-user full) >"$found" 2>/dev/null; } ||
    (as_user timeout 10 sh "$PROGRAM" look-user quick) >"$found" 2>/dev/null; then
    # Told first: the state of the repository brings it along.
    tell_line "$RUN/repository.lacks" "$(sed -n 2p "$found")"
    tell_line "$RUN/repository.config" "$(sed -n 3p "$found")"
    sed -n 1p "$found" >"$found.line"
    cmp_files "$found.line" "$RUN/repository" || mv -f "$found.line" "$RUN/repository"
  fi
  rm -f "$found" "$found.line"
  write_line "$RUN/repository.seconds" $(($(date +%s) - began))
  poke
}

# Writes it only when it is another one.
tell_line() {
  if first_line "$1" && [ "$LINE" = "$2" ]; then return 0; fi
  write_line "$1" "$2"
}

cmp_files() {
  [ -f "$2" ] && [ "$(cat "$1")" = "$(cat "$2")" ]
}

# `commit dirty branch url`; dirty: changes, or commits that no remote and no clone has brought. On a second line what it
# lacks: `git-lfs`, `submodules`. On a third its configuration in base64; `-` when that is too large to be one.
# The argument `quick` leaves dirty for a later look.
look_user() {
  local commit branch url lacks='' dirty=no
  cd "$HOME/workspace" || exit 1
  export GIT_OPTIONAL_LOCKS=0 GIT_TERMINAL_PROMPT=0
  commit=$(git rev-parse -q --verify HEAD 2>/dev/null) || commit=-
  branch=$(git symbolic-ref -q --short HEAD 2>/dev/null) || branch=-
  url=$(git config --get remote.origin.url) || url=
  if [ "$1" = quick ]; then
    :
  elif [ -n "$(git -c core.fsmonitor=false status --porcelain 2>/dev/null | head -n 1)" ]; then
    dirty=yes
  elif git rev-parse -q --verify refs/stash >/dev/null 2>&1; then
    dirty=yes
  elif [ "$commit" != - ] && [ -n "$(git rev-list -n 1 HEAD --branches --not --remotes --tags "--glob=refs/nexus/*" 2>/dev/null)" ]; then
    dirty=yes
  fi
  printf '%s %s %s %s\n' "$commit" "$dirty" "$branch" "$(printf '%s' "$url" | without_userinfo | tr -d '\n')"
  if [ -f .gitattributes ] && grep -q filter=lfs .gitattributes && ! command -v git-lfs >/dev/null; then lacks=git-lfs; fi
  if [ -f .gitmodules ] && git submodule status 2>/dev/null | grep -q '^-'; then lacks="$lacks submodules"; fi
  printf '%s\n' "${lacks# }"
  if [ ! -f "$CONFIG_FILE" ]; then
    echo
  elif [ "$(head -c $((CONFIG_BYTES + 1)) "$CONFIG_FILE" | wc -c)" -gt "$CONFIG_BYTES" ]; then
    echo -
  else
    head -c "$CONFIG_BYTES" "$CONFIG_FILE" | base64 | tr -d '\n'
    echo
  fi
}

# Credentials in URLs of http, and passwords in any, are not shown.
without_userinfo() {
  sed -e 's#\(https\{0,1\}://\)[^/@[:space:]]*@#\1#g' -e 's#\([a-z+]*://[^/:@[:space:]]*\):[^/@[:space:]]*@#\1@#g'
}
