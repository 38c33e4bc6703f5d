# shellcheck shell=dash
# The user: uid 1000, home on the volume, sudo without a password.

# ACCOUNT_USER, ACCOUNT_GID, ACCOUNT_HOME, REPOSITORY of the account that was made.
load_account() {
  first_line "$RUN/account" || return 1
  # shellcheck disable=SC2086
  set -- $LINE
  ACCOUNT_USER=$1 ACCOUNT_GID=$2
  ACCOUNT_HOME=/home/$1
  REPOSITORY=$ACCOUNT_HOME/workspace
}

# Replaces this process by "$@" as the user, with a clean environment. No extra process stays in between, so that pid
# and process group are the command's own.
as_user() {
  set -- env -i "HOME=$ACCOUNT_HOME" "USER=$ACCOUNT_USER" "LOGNAME=$ACCOUNT_USER" "SHELL=$(user_shell)" \
    "PATH=$IMAGE_PATH" "$@"
  first_line "$RUN/become" || LINE=$(how_to_become "$ACCOUNT_GID")
  # shellcheck disable=SC2016 # expanded by the shell that su starts
  case $LINE in
    setpriv) exec setpriv "--reuid=$ACCOUNT_UID" "--regid=$ACCOUNT_GID" --init-groups "$@" ;;
    chroot) exec chroot "--userspec=$ACCOUNT_UID:$ACCOUNT_GID" / "$@" ;;
    *) exec su -s /bin/sh "$ACCOUNT_USER" -- -c 'exec "$@"' sh "$@" ;;
  esac
}

how_to_become() {
  if setpriv "--reuid=$ACCOUNT_UID" "--regid=$1" --init-groups true 2>/dev/null; then
    echo setpriv
  elif chroot "--userspec=$ACCOUNT_UID:$1" / true 2>/dev/null; then
    echo chroot
  else
    echo su
  fi
}

# The user's own shell: what was chosen with chsh, else bash, else sh.
user_shell() {
  local shell=/bin/sh
  [ ! -x /bin/bash ] || shell=/bin/bash
  if first_line "$ETC/shell" && [ -x "$LINE" ]; then shell=$LINE; fi
  printf '%s' "$shell"
}

# Sets GID to the group of the user, which is made when there is none.
make_group() {
  local name gid rest by_name=''
  GID=
  while IFS=: read -r name _ gid rest || [ -n "$name" ]; do
    [ "$gid" != "$ACCOUNT_UID" ] || GID=$gid
    [ "$name" != "$1" ] || by_name=$gid
  done </etc/group
  GID=${GID:-$by_name}
  [ -z "$GID" ] || return 0
  GID=$ACCOUNT_UID
  printf '%s:x:%s:\n' "$1" "$GID" >>/etc/group
}

# Replaces the lines of user $2 in file $1 by line $3: before the first one of uid 1000, so that the user's name is the
# one that the uid is shown as, else at the end. Nothing is written when it is there already.
put_account_line() {
  local line uid out='' done='' changed='' open='' newline='
'
  while IFS= read -r line || { [ -n "$line" ] && open=yes; }; do
    case $line in
      "$3") if [ -z "$done" ]; then done=yes out=$out$line$newline; else changed=yes; fi ;;
      "$2":*) changed=yes ;;
      *)
        uid=${line#*:*:}
        if [ -z "$done" ] && [ "$1" = /etc/passwd ] && [ "${uid%%:*}" = "$ACCOUNT_UID" ]; then
          done=yes changed=yes
          out=$out$3$newline
        fi
        out=$out$line$newline
        ;;
    esac
  done <"$1"
  if [ -z "$done$changed" ]; then
    # In an image as most are: without a process.
    printf '%s%s\n' "${open:+$newline}" "$3" >>"$1"
    return
  fi
  [ -n "$done" ] || out=$out$3$newline
  [ -n "$changed" ] || return 0
  cp -p "$1" "$1.nexus" && printf '%s' "$out" >"$1.nexus" && mv -f "$1.nexus" "$1"
}

has_line() {
  local line
  [ -r "$1" ] || return 1
  while IFS= read -r line || [ -n "$line" ]; do
    [ "$line" != "$2" ] || return 0
  done <"$1"
  return 1
}

# What the image or chsh gave as the shell of the account is what our wrapper runs.
keep_shell() {
  local name shell
  while IFS=: read -r name _ _ _ _ _ shell || [ -n "$name" ]; do
    [ "$name" = "$1" ] || continue
    case $shell in
      "$WRAPPER" | '' | /bin/sh | */nologin | */false) ;;
      *) [ ! -x "$shell" ] || write_line "$ETC/shell" "$shell" ;;
    esac
    return 0
  done </etc/passwd
}

make_account() {
  local user home
  first_line "$RUN/user" || fail 'no user was named'
  user=$LINE
  home=/home/$user
  make_group "$user"
  keep_shell "$user"
  put_account_line /etc/passwd "$user" "$user:x:$ACCOUNT_UID:$GID::$home:$WRAPPER"
  # `*` is no password and not locked either, which sshd would refuse.
  if [ -f /etc/shadow ]; then put_account_line /etc/shadow "$user" "$user:*:19000:0:99999:7:::"; fi
  has_line /etc/shells "$WRAPPER" || printf '%s\n' "$WRAPPER" >>/etc/shells
  if [ ! -s /etc/sudoers.d/nexus ]; then
    [ -d /etc/sudoers.d ] || mkdir -p /etc/sudoers.d
    umask 0337
    printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\n' "$user" >/etc/sudoers.d/nexus
    umask 022
  fi
  [ -d "$home" ] || mkdir -p "$home"
  has_line /etc/passwd "$user:x:$ACCOUNT_UID:$GID::$home:$WRAPPER" || fail "the user $user cannot be made"
}

# What sshd does not need to listen, once it is on its way. Sessions wait for it (shell.sh).
settle_account() {
  local user home
  first_line "$RUN/user" || return 1
  user=$LINE
  home=/home/$user
  make_group "$user"
  # A home that is not the user's yet is new, and root's where the engine made it.
  if [ -O "$home" ] || [ "$(stat -c %u "$home")" != "$ACCOUNT_UID" ]; then seed_home "$home"; fi
  write_line "$RUN/account" "$user $GID"
  load_account
  [ -e "$RUN/become" ] || write_line "$RUN/become" "$(how_to_become "$ACCOUNT_GID")"
  settle_git
  if [ -e "$REPOSITORY/.git" ] && [ ! -e "$RUN/repository" ]; then look_main quick; fi
  : >"$RUN/configured"
}

# Once. The owner is changed last, so that a crash starts over; what is there already is kept.
seed_home() {
  local name
  if is_empty "$1"; then
    [ ! -d /etc/skel ] || cp -R -p /etc/skel/. "$1/"
    chmod 0755 "$1"
    chown -h -R "$ACCOUNT_UID:$GID" "$1"
    return
  fi
  if [ -d /etc/skel ]; then
    (cd /etc/skel && for name in . .[!.]* ..?* *; do
      if [ "$name" != . ] && [ -e "$name" ] && [ ! -e "$1/$name" ]; then cp -R -p "$name" "$1/"; fi
    done)
  fi
  chmod 0755 "$1"
  find "$1" -xdev -mindepth 1 -exec chown -h "$ACCOUNT_UID:$GID" {} +
  chown "$ACCOUNT_UID:$GID" "$1"
}

is_empty() {
  local name
  for name in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -e "$name" ] || [ -L "$name" ]; then return 1; fi
  done
}

# A shell chosen with chsh is kept, behind the wrapper that gives sessions their environment.
watch_shell() {
  local name shell
  [ -r "$RUN/configured" ] && load_account || return 0
  while IFS=: read -r name _ _ _ _ _ shell || [ -n "$name" ]; do
    if [ "$name" = "$ACCOUNT_USER" ] && [ "$shell" != "$WRAPPER" ]; then
      make_account
      note "shell $shell of $name is kept behind the wrapper"
      return 0
    fi
  done </etc/passwd
}

# HOME_LOST: yes when the volume was unmounted from the home, or its folder was removed under it.
watch_home() {
  HOME_LOST=no
  load_account || return 0
  case $(cat /proc/self/mountinfo) in
    *"//deleted $ACCOUNT_HOME r"[ow]*) HOME_LOST=yes ;;
    *" $ACCOUNT_HOME r"[ow]*) ;;
    *) HOME_LOST=yes ;;
  esac
}

# As the user: the image's environment, what is told of the workspace, and the usual private folders first in PATH. Nothing here is local, as that would
# keep what is set for a variable of the same name.
load_environment() {
  # shellcheck disable=SC1091
  if [ -r "$RUN/base-env" ]; then . "$RUN/base-env"; fi
  # shellcheck disable=SC1091
  if [ -r "$RUN/about" ]; then . "$RUN/about"; fi
  if [ -d "$HOME/bin" ]; then PATH=$HOME/bin:$PATH; fi
  if [ -d "$HOME/.local/bin" ]; then PATH=$HOME/.local/bin:$PATH; fi
  export PATH "LANG=${LANG:-C.UTF-8}"
}

# The image's environment and over it the workspace's. After this only variables named nexus_… are ours.
workspace_environment() {
  nexus_home=$ACCOUNT_HOME nexus_repository=$REPOSITORY nexus_shell=$SHELL nexus_env=$RUN/env
  load_environment
  # shellcheck disable=SC1090
  if [ -r "$nexus_env" ]; then . "$nexus_env"; fi
}

# In the repository, or at home when there is none.
enter_repository() {
  cd "$nexus_home" || exit 1
  if [ -d "$nexus_repository" ]; then cd "$nexus_repository" || exit 1; fi
}
