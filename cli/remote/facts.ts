import { readShipped } from '../../controller/kit/program.ts';
import type { Remote } from './remote.ts';

/** Where things are on a node that `nexus node add` made. */
export const PLACES = {
  program: '/usr/local/bin/nexus',
  home: '/var/lib/nexus',
  unit: '/etc/systemd/system/nexus-agent.service',
  /** Where there is no systemd. */
  supervisor: '/var/lib/nexus/supervise-agent',
  pid: '/run/nexus-agent.pid',
  log: '/var/log/nexus-agent.log',
} as const;

/** Engines by driver, with the sockets at which they are looked for. */
const SOCKETS = {
  docker: ['/var/run/docker.sock'],
  podman: ['/run/podman/podman.sock'],
  lxc: ['/var/lib/incus/unix.socket', '/var/lib/lxd/unix.socket', '/var/snap/lxd/common/lxd/unix.socket'],
} as const;

/** What is known of a machine before anything is done to it. */
export interface MachineFacts {
  /** As uname tells them: `Linux`, `x86_64`. */
  system: string;
  machine: string;
  /** `glibc 2.36`, `musl`, or empty. */
  libc: string;
  /** Its name and version, for people. */
  release: string;
  hostname: string;
  /** Whether something may be done as root without a question. */
  root: boolean;
  /** Who logs in, when that is not so. */
  user: string;
  /** Whether systemd is its first process. */
  systemd: boolean;
  /** Sockets of engines that are there, the first of each kind. */
  engines: Partial<Record<keyof typeof SOCKETS, string>>;
  /** Where the program and the state go. */
  freeBytes: number;
  /** Seconds since the epoch, by its clock. */
  time: number;
  /** Whether an SSH server answers at the gateway's address; absent: it has nothing to find that out with. */
  gateway?: boolean;
  /** The gateway's name is not resolved there. */
  isGatewayUnknown?: boolean;
  /** SHA-256 of what is installed; empty: nothing is. */
  programDigest: string;
  serviceDigest: string;
  /** How its agent reaches the gateway, once it has joined: JSON. */
  gatewayFile: string;
  /** Options that its agent keeps: JSON. */
  optionsFile: string;
  /** Whether an agent runs, however it was started. */
  running: boolean;
}

/** Prints `key value` lines. */
const ASK = `
say() { printf '%s %s\\n' "$1" "$2"; }
say system "$(uname -s)"
say machine "$(uname -m)"
if v=$(getconf GNU_LIBC_VERSION 2>/dev/null); then say libc "$v"
elif ldd --version 2>&1 | grep -qi musl; then say libc musl; fi
[ -r /etc/os-release ] && say release "$(. /etc/os-release; echo "$PRETTY_NAME")"
say hostname "$(uname -n)"
say user "$(id -un)"
if [ "$(id -u)" = 0 ]; then say root yes
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then say root yes; fi
[ -d /run/systemd/system ] && say systemd yes
${Object.entries(SOCKETS)
  .map(
    ([name, paths]) =>
      `for s in ${paths.join(' ')}; do [ -S "$s" ] && say engine-${name} "$s" && break; done`,
  )
  .join('\n')}
say free "$(df -Pk /usr/local 2>/dev/null | awk 'NR == 2 { print $4 }')"
say time "$(date +%s)"
true`;

/**
 * Its banner is read, and nothing said: the gateway takes that for a health check, and not for a login that failed, as it
 * does what ssh-keyscan leaves behind.
 */
const askGateway = (host: string, port: number) => `
if command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
  timeout 5 bash -c 'exec 3<>/dev/tcp/${host}/${port} && read -r -n 4 -u 3 x && [ "$x" = SSH- ]' 2>/dev/null && echo 'gateway yes' || echo 'gateway no'
elif command -v ssh-keyscan >/dev/null 2>&1; then
  [ -n "$(ssh-keyscan -T 5 -t ed25519 -p ${port} ${host} 2>/dev/null)" ] && echo 'gateway yes' || echo 'gateway no'
fi
command -v getent >/dev/null 2>&1 && { getent hosts ${host} >/dev/null || echo 'gatewayName unknown'; }
true`;

const ASK_ROOT = `
say() { printf '%s %s\\n' "$1" "$2"; }
sum() { [ -f "$1" ] && sha256sum "$1" | cut -d' ' -f1; }
say programDigest "$(sum ${PLACES.program})"
if [ -d /run/systemd/system ]; then say serviceDigest "$(sum ${PLACES.unit})"
else say serviceDigest "$(sum ${PLACES.supervisor})"; fi
say gatewayFile "$(tr -d '\\n' 2>/dev/null <${PLACES.home}/agent/gateway.json)"
say optionsFile "$(tr -d '\\n' 2>/dev/null <${PLACES.home}/agent/options.json)"
if [ -d /run/systemd/system ] && systemctl is-active --quiet nexus-agent 2>/dev/null; then say running yes
elif [ -f ${PLACES.pid} ] && kill -0 "$(cat ${PLACES.pid})" 2>/dev/null; then say running yes; fi
true`;

/** Asks a machine about itself; changes nothing there. Throws CliError when it has no POSIX shell. */
export async function readFacts(
  remote: Remote,
  gateway?: { host: string; port: number },
): Promise<MachineFacts> {
  const what = 'asking the machine about itself';
  const script = gateway ? `${ASK}\n${askGateway(gateway.host, gateway.port)}` : ASK;
  const told = parse(await remote.must(what, script));
  const root = told.root === 'yes';
  const more = root ? parse(await remote.must(what, ASK_ROOT, { asRoot: true })) : {};
  const engines = Object.keys(SOCKETS).flatMap(name => {
    const socket = told[`engine-${name}`];
    return socket ? [[name, socket]] : [];
  });
  return {
    ...{ system: told.system ?? '', machine: told.machine ?? '', libc: told.libc ?? '' },
    ...{ release: told.release ?? told.system ?? '', hostname: told.hostname ?? '' },
    ...{ root, user: told.user ?? '', systemd: told.systemd === 'yes' },
    engines: Object.fromEntries(engines),
    ...{ freeBytes: Number(told.free ?? 0) * 1024, time: Number(told.time ?? 0) },
    ...(told.gateway && { gateway: told.gateway === 'yes' }),
    ...(told.gatewayName && { isGatewayUnknown: true }),
    ...{ programDigest: more.programDigest ?? '', serviceDigest: more.serviceDigest ?? '' },
    ...{ gatewayFile: more.gatewayFile ?? '', optionsFile: more.optionsFile ?? '' },
    running: more.running === 'yes',
  };
}

function parse(text: string): Record<string, string> {
  const pairs = text.split('\n').map(line => /^([\w-]+) (.*)$/.exec(line.trim()));
  return Object.fromEntries(pairs.flatMap(match => (match ? [[match[1], match[2]]] : [])));
}

/** What keeps the agent running there: systemd's unit, or a supervisor of ours. */
export function serviceFile({ systemd }: Pick<MachineFacts, 'systemd'>): { path: string; text: string } {
  return systemd
    ? { path: PLACES.unit, text: readShipped('manifests/systemd/nexus-agent.service') }
    : { path: PLACES.supervisor, text: readShipped('manifests/systemd/supervise-agent.sh') };
}
