import type { Remote } from './remote.ts';

/** What is known of a machine before anything is done to it. */
export interface MachineFacts {
  /** `Linux`. */
  system: string;
  /** As uname tells it. */
  machine: string;
  /** `glibc 2.36`, `musl`, or empty. */
  libc: string;
  /** Its name and version, for people. */
  release: string;
  hostname: string;
  uid: number;
  /** Whether something may be done as root without a question. */
  root: boolean;
  /** Whether systemd is its first process. */
  systemd: boolean;
  /** Sockets of engines that are there. */
  docker: boolean;
  podman: boolean;
  lxd: string;
  /** Free space where the program and the state go. */
  freeBytes: number;
  /** Seconds since the epoch, by its clock. */
  time: number;
  /** What is installed: SHA-256 of the program and of the unit, if any. */
  programDigest: string;
  unitDigest: string;
  /** The Node that it is, by its own records. */
  nodeName: string;
  /** Whether an agent runs, however it was started. */
  running: boolean;
}

export const PLACES = {
  program: '/usr/local/bin/nexus',
  home: '/var/lib/nexus',
  unit: '/etc/systemd/system/nexus-agent.service',
  settings: '/etc/nexus/agent.env',
  supervisor: '/var/lib/nexus/supervise-agent',
  pid: '/run/nexus-agent.pid',
  log: '/var/log/nexus-agent.log',
} as const;

/** Prints `key value` lines. What needs root comes by a second run, if there is a way to it. */
const ASK = `
say() { printf '%s %s\\n' "$1" "$2"; }
say system "$(uname -s)"
say machine "$(uname -m)"
if v=$(getconf GNU_LIBC_VERSION 2>/dev/null); then say libc "$v"
elif ldd --version 2>&1 | grep -qi musl; then say libc musl; fi
[ -r /etc/os-release ] && say release "$(. /etc/os-release; echo "$PRETTY_NAME")"
say hostname "$(uname -n)"
uid=$(id -u)
say uid "$uid"
if [ "$uid" = 0 ]; then say root yes
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then say root yes; fi
[ -d /run/systemd/system ] && say systemd yes
[ -S /var/run/docker.sock ] && say docker yes
[ -S /run/podman/podman.sock ] && say podman yes
for s in /var/lib/incus/unix.socket /var/lib/lxd/unix.socket /var/snap/lxd/common/lxd/unix.socket; do
  [ -S "$s" ] && say lxd "$s" && break
done
say free "$(df -Pk /usr/local 2>/dev/null | awk 'NR == 2 { print $4 }')"
say time "$(date +%s)"
true`;

const ASK_ROOT = `
say() { printf '%s %s\\n' "$1" "$2"; }
sum() { [ -f "$1" ] && sha256sum "$1" | cut -d' ' -f1; }
say programDigest "$(sum ${PLACES.program})"
say unitDigest "$(sum ${PLACES.unit})"
say nodeName "$(sed -n 's/^ *"nodeName": *"\\([^"]*\\)".*/\\1/p' ${PLACES.home}/agent/gateway.json 2>/dev/null)"
if [ -d /run/systemd/system ] && systemctl is-active --quiet nexus-agent 2>/dev/null; then say running yes
elif [ -f ${PLACES.pid} ] && kill -0 "$(cat ${PLACES.pid})" 2>/dev/null; then say running yes; fi
true`;

/** Asks a machine about itself; changes nothing there. Throws CliError when it is no machine with a POSIX shell. */
export async function readFacts(remote: Remote): Promise<MachineFacts> {
  const told = parse(await remote.must('asking the machine about itself', ASK));
  const root = told.root === 'yes';
  const more = root
    ? parse(await remote.must('asking the machine about itself', ASK_ROOT, { asRoot: true }))
    : {};
  const has = (key: string) => told[key] === 'yes';
  return {
    ...{ system: told.system ?? '', machine: told.machine ?? '', libc: told.libc ?? '' },
    ...{ release: told.release ?? told.system ?? '', hostname: told.hostname ?? '' },
    ...{ uid: Number(told.uid ?? -1), root, systemd: has('systemd') },
    ...{ docker: has('docker'), podman: has('podman'), lxd: told.lxd ?? '' },
    ...{ freeBytes: Number(told.free ?? 0) * 1024, time: Number(told.time ?? 0) },
    ...{ programDigest: more.programDigest ?? '', unitDigest: more.unitDigest ?? '' },
    ...{ nodeName: more.nodeName ?? '', running: more.running === 'yes' },
  };
}

function parse(text: string): Record<string, string> {
  const pairs = text.split('\n').map(line => /^(\w+) (.*)$/.exec(line.trim()));
  return Object.fromEntries(pairs.flatMap(match => (match ? [[match[1], match[2]]] : [])));
}
