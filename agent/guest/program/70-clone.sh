# shellcheck shell=dash
# The clone, as the user. Request: nexus_url without a login, nexus_ref, nexus_upstream, nexus_author, nexus_email. Into a folder beside the target and renamed, so that a half one is never taken for a whole one.

clone_user() {
  local target=$1/workspace new=$1/.nexus-clone ssh
  # shellcheck disable=SC1091
  . "$JOBS/clone/request"
  load_git_login
  unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_ASKPASS SSH_ASKPASS
  export LC_ALL=C GIT_TERMINAL_PROMPT=0
  [ ! -e "$target/.git" ] || exit 0
  if [ -e "$target" ] && [ -n "$(ls -A "$target" 2>&1)" ]; then
    echo "nexus: $target holds files and is no repository; move them away and the clone is tried again"
    exit 13
  fi
  ssh='ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=20'
  ssh="$ssh -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
  [ ! -s "$RUN/git-key" ] || ssh="$ssh -i $RUN/git-key -o IdentitiesOnly=yes"
  export GIT_SSH_COMMAND="$ssh"
  clone_git clone --no-checkout -- "$nexus_url" "$new"
  cd "$new" || exit 1
  clone_checkout
  clone_submodules
  [ -z "$nexus_upstream" ] || git remote add upstream "$nexus_upstream"
  clone_author
  git update-ref refs/nexus/cloned HEAD 2>/dev/null
  cd "$1" || exit 1
  if [ -d "$target" ]; then rmdir "$target" || exit 13; fi
  mv "$new" "$target" || exit 1
  exit 0
}

# Whoever has said it for all repositories, in a home that was there before, is not overruled.
clone_author() {
  [ -z "$nexus_author" ] || git config user.name >/dev/null || git config user.name "$nexus_author"
  [ -z "$nexus_email" ] || git config user.email >/dev/null || git config user.email "$nexus_email"
}

# Branch, tag, commit or full name of a ref, in this order.
clone_checkout() {
  local ref=$nexus_ref
  if [ -z "$ref" ]; then
    # Without a commit there is nothing to check out.
    if git rev-parse -q --verify HEAD >/dev/null 2>&1; then clone_git checkout; fi
    return 0
  fi
  case $ref in refs/heads/*) ref=${ref#refs/heads/} ;; refs/tags/*) ref=${ref#refs/tags/} ;; esac
  if git rev-parse -q --verify "refs/remotes/origin/$ref" >/dev/null; then
    clone_git checkout -B "$ref" --track "origin/$ref"
  elif git rev-parse -q --verify "refs/tags/$ref^{commit}" >/dev/null; then
    clone_git checkout --detach "refs/tags/$ref"
  elif is_commit "$ref" && git rev-parse -q --verify "$ref^{commit}" >/dev/null; then
    clone_git checkout --detach "$ref"
  else
    # A commit that no branch reaches, or a ref outside of branches and tags.
    clone_git fetch origin "$nexus_ref"
    clone_git checkout --detach FETCH_HEAD
  fi
}

is_commit() {
  case $1 in *[!0-9a-fA-F]* | '' | ? | ?? | ???) return 1 ;; esac
}

# Each that is there; one that cannot be had does not keep the rest from being worked in.
clone_submodules() {
  [ -f .gitmodules ] || return 0
  (clone_git submodule update --init --recursive --jobs 4) ||
    echo 'nexus: submodules are missing; once they can be read: git submodule update --init --recursive'
}

# git with the login; ends the clone with its kind of error. Of its output the last 8 KiB are kept.
clone_git() {
  local out code
  if [ -n "$nexus_origin" ]; then
    # Other helpers are left out: they would write the login down.
    set -- -c credential.helper= -c "credential.$nexus_origin.helper=" \
      -c "credential.$nexus_origin.helper=!sh $PROGRAM credential" "$@"
  fi
  set -- -c advice.detachedHead=false -c core.fsmonitor=false -c core.askPass= -c http.lowSpeedLimit=1024 \
    -c http.lowSpeedTime=60 "$@"
  out=$(clone_attempt "$@")
  code=${out##*"
exit "}
  if [ "$code" != 0 ] && is_lfs_missing "$out"; then
    echo 'nexus: git-lfs is missing; its files are left as pointers'
    out=$(clone_attempt -c filter.lfs.smudge= -c filter.lfs.process= -c filter.lfs.required=false "$@")
    code=${out##*"
exit "}
  fi
  printf '%s\n' "${out%"
exit $code"}" | clone_scrub
  [ "$code" != 0 ] || return 0
  clone_exit "$out"
}

clone_attempt() {
  {
    echo
    git "$@" 2>&1 </dev/null
    printf '\nexit %s' $?
  } | tail -c 8192
}

is_lfs_missing() {
  case $1 in *git-lfs*'not found'* | *"'lfs' is not a git command"*) return 0 ;; esac
  return 1
}

# As in CLONE_EXIT of agent/guest/guest.ts.
clone_exit() {
  case $1 in
    *'Authentication failed'* | *'could not read Username'* | *'could not read Password'* | \
      *'Permission denied'* | *'returned error: 401'* | *'returned error: 403'* | *'Access denied'*) exit 10 ;;
    *"couldn't find remote ref"* | *'Remote branch'*'not found'* | *'not our ref'* | *'no such remote ref'* | \
      *'unadvertised object'*) exit 11 ;;
    *'Could not resolve host'* | *'not resolve hostname'* | *'onnection refused'* | *'timed out'* | \
      *'unreachable'* | *'No route to host'* | *'unable to connect'* | *'Failed to connect'* | \
      *'Could not connect'* | *"Couldn't connect"* | *'unable to look up'* | *'onnection reset'* | \
      *'onnection closed'* | *'too slow'* | *'early EOF'* | *'hung up'* | *'returned error: 5'* | \
      *'Empty reply'* | *'recv error'* | *'RPC failed'*) exit 12 ;;
  esac
  exit 1
}

# What servers echo and what git shows of URLs goes without secrets into the log.
clone_scrub() {
  local secret=$nexus_password line
  without_userinfo | while IFS= read -r line; do
    if [ -n "$secret" ]; then
      while :; do
        case $line in
          *"$secret"*) line="${line%%"$secret"*}***${line#*"$secret"}" ;;
          *) break ;;
        esac
      done
    fi
    [ -z "$line" ] || printf '%s\n' "$line"
  done
}
