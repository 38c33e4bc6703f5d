# shellcheck shell=dash
# What Git logs in with, for the clone and for who works in the repository: /run/nexus/git-login and git-key, which change
# under it.

# nexus_origin (scheme://host[:port]; empty: no login), nexus_username, nexus_password.
load_git_login() {
  nexus_origin='' nexus_username='' nexus_password=''
  # shellcheck disable=SC1091
  [ ! -r "$RUN/git-login" ] || . "$RUN/git-login"
}

# Tells Git of both, once there is one of them. What is written to the disk is the same for everybody.
settle_git() {
  if [ -s "$RUN/git-key" ]; then
    write_line "$RUN/git-ssh" "[core] sshCommand = ssh -i $RUN/git-key -o StrictHostKeyChecking=accept-new"
  else
    rm -f "$RUN/git-ssh"
  fi
  [ -s "$RUN/git-login" ] || [ -s "$RUN/git-key" ] || return 0
  has_line /etc/gitconfig "[includeIf \"gitdir:$REPOSITORY/\"] path = $RUN/git-ssh" ||
    printf '\n[credential] helper = !sh %s credential\n[includeIf "gitdir:%s/"] path = %s\n' \
      "$PROGRAM" "$REPOSITORY" "$RUN/git-ssh" >>/etc/gitconfig
}

# A Git credential helper: answers from memory, for that one host, and keeps nothing.
credential_main() {
  local protocol='' host='' username=''
  [ "$1" = get ] || exit 0
  load_git_login
  [ -n "$nexus_origin" ] || exit 0
  while IFS= read -r LINE && [ -n "$LINE" ]; do
    case $LINE in
      protocol=*) protocol=${LINE#*=} ;;
      host=*) host=${LINE#*=} ;;
      username=*) username=${LINE#*=} ;;
    esac
  done
  [ "$protocol://$host" = "$nexus_origin" ] || exit 0
  case $username in '' | "$nexus_username") ;; *) exit 0 ;; esac
  printf 'username=%s\npassword=%s\n' "$nexus_username" "$nexus_password"
}
