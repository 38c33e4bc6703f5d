import { shellQuote } from '../../../controller/kit/shell-quote.ts';
import { NODE_HOST } from '../network/node-host.ts';

/** Run as the first process of an instance. */
export const BOOT_SCRIPT_PATH = '/opt/nexus/lxc-init';

/** Its own lines in files of the image end in this. */
const MARK = '# nexus';

export interface Boot {
  hostname: string;
  /** Address of the node on the bridge; names are asked for there too. */
  gateway: string;
  command: string[];
  /** Whether the image's own init is left out: nothing of it is wanted in a look at an image. */
  isBare?: boolean;
}

const BECOME_INIT = `init=
masked=
if [ -x /sbin/init ]; then
  case $(readlink -f /sbin/init) in
    # Of itself it starts what only a whole system has.
    */busybox) [ ! -x /sbin/openrc ] || init=/sbin/init ;;
    */systemd)
      init=/sbin/init
      for unit in ssh.service ssh.socket sshd.service sshd.socket systemd-binfmt.service; do masked="$masked systemd.mask=$unit"; done
      ;;
    *) init=/sbin/init ;;
  esac
fi
if [ -n "$init" ]; then
  NEXUS_BOOT=yes setsid /bin/sh ${BOOT_SCRIPT_PATH} </dev/null >/dev/null 2>&1 &
  # shellcheck disable=SC2086 # none or several
  exec $init $masked
fi

`;

/**
 * Begins the command and becomes the image's own init (systemd, OpenRC, …), so that the instance is the system that people
 * expect; without one it stays, and reaps. The end of the command is the end of the instance either way. An sshd that the
 * image's init would start is left out: ours has its port.
 */
export function bootScript({ hostname, gateway, command, isBare = false }: Boot): string {
  return `#!/bin/sh
# Written by Nexus.
set -- ${command.map(shellQuote).join(' ')}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
cd /
umask 022
command=

if [ "\${NEXUS_BOOT:-}" = yes ]; then
  unset NEXUS_BOOT
  # It may ask all others to end, and that is heard here too.
  trap : TERM HUP
  "$@"
  # The system is going down already, and waits for this.
  read -r first </proc/1/comm
  [ "$first" != systemd-shutdow ] || exit
  # Gently, and soon by force: one that ends itself must be gone within seconds.
  poweroff || kill -PWR 1
  sleep 5
  poweroff -f -f || poweroff -f
  exit
fi

# First: the kernel drops signals that the first process does not catch. Replaced with this shell by an init's own.
trap 'if [ -n "$command" ]; then kill -TERM $command 2>/dev/null; else exit 143; fi' TERM INT PWR
hostname=${shellQuote(hostname)}
if [ "$(cat /etc/hostname 2>/dev/null)" != "$hostname" ]; then echo "$hostname" >/etc/hostname; fi
hosts=$(grep -v '${MARK}$' /etc/hosts 2>/dev/null || [ -s /etc/hosts ] || printf '127.0.0.1 localhost\\n::1 localhost\\n')
printf '%s\\n' "$hosts" "127.0.1.1 $hostname ${MARK}" '${gateway} ${NODE_HOST} ${MARK}' >/etc/hosts
# What asks for its address by DHCP writes a better one; a link belongs to a program that does.
if [ ! -L /etc/resolv.conf ] && { [ ! -s /etc/resolv.conf ] || grep -q '${MARK}$' /etc/resolv.conf; }; then
  printf '%s\\n' '${MARK}' 'nameserver ${gateway}' >/etc/resolv.conf
fi

${isBare ? '' : BECOME_INIT}"$@" </dev/null &
command=$!
while :; do
  wait $command
  code=$?
  kill -0 $command 2>/dev/null || exit $code
done
`;
}
