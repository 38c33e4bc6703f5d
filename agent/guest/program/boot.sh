# shellcheck shell=dash disable=SC1091,SC2086,SC2317
# The command of an instance. The program, where it is not there yet, comes with what is handed over on stdin at the first
# start (80-handover.sh); should nobody bring it that way, the agent puts it there and ends the wait (wait_boot). All in a
# subshell: no variable of the image is changed. Short, as everybody sees it in the list of processes.
[ -r /opt/nexus/guest ] || (
  program=/opt/nexus/guest run=/run/nexus programs='' owner='' owned='' whole=''
  PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:$PATH
  umask 077
  exec 9<&0 </dev/null
  { IFS= read -r line && head -c "${line##* }" >$run/boot; } <&9 9<&- &
  echo $! >$run/boot.pid
  wait $!
  : >$run/boot.pid
  exec 9<&-
  put() {
    umask 022
    [ -d "${3%/*}" ] || mkdir -p "${3%/*}"
    case $1 in 0400) umask 0377 ;; 0600) umask 077 ;; esac
    file=$3
    [ "$file" != $program ] || file=$program.new
    printf '%s' "$4" >"$file" || exit 1
    # All of what is not root's is one user's.
    [ "$2" = 0:0 ] || { owner=$2 && owned="$owned $file"; }
    [ "$1" != 0755 ] || programs="$programs $file"
  }
  [ ! -s $run/boot ] || (
    . $run/boot
    umask 022
    [ "$whole" = yes ] && { [ -z "$owned" ] || chown "$owner" $owned; } && chmod 0755 $programs && : >$run/handed && mv $program.new $program
  )
  until [ -r $program ]; do sleep 1; done
)
exec /bin/sh /opt/nexus/guest init
