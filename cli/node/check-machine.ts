import type { MachineFacts } from '../remote/facts.ts';

export interface Check {
  name: string;
  state: 'ok' | 'warning' | 'failed';
  text: string;
  next?: string;
}

export interface Wanted {
  /** Chosen by a person; empty: what fits. */
  drivers: string[];
  /** Gateway as the machine is to reach it, `host:port`. */
  gateway: string;
  /** Seconds since the epoch, by our clock. */
  now: number;
}

const MIN_FREE_BYTES = 400 * 2 ** 20;
const MIN_GLIBC = [2, 28] as const;
const MAX_SKEW_S = 30;

/** uname's word → ours, for which there are releases. */
const MACHINES: Record<string, string> = {
  ...{ x86_64: 'linux-x64', amd64: 'linux-x64' },
  ...{ aarch64: 'linux-arm64', arm64: 'linux-arm64' },
};

/** The platform that the program must be built for; undefined: there is none. */
export function platformOf({
  system,
  machine,
}: Pick<MachineFacts, 'system' | 'machine'>): string | undefined {
  return system === 'Linux' ? MACHINES[machine] : undefined;
}

/** The drivers that a machine gets when nobody chooses, with the options that they need. */
export function fittingDrivers({ engines }: Pick<MachineFacts, 'engines'>): {
  drivers: string[];
  options: Record<string, unknown>;
} {
  const drivers: string[] = [];
  if (engines.docker || engines.podman) drivers.push('docker');
  if (engines.lxc) drivers.push('lxc');
  const socket = !engines.docker && engines.podman ? { dockerSocket: engines.podman } : {};
  return { drivers, options: socket };
}

/** Whether a machine can be a node, point by point. */
export function checkMachine(facts: MachineFacts, wanted: Wanted): Check[] {
  return [
    checkSystem(facts),
    checkLibc(facts),
    checkRoot(facts),
    checkEngine(facts, wanted.drivers),
    checkDisk(facts),
    checkClock(facts, wanted.now),
    checkGateway(facts, wanted.gateway),
    {
      name: 'service',
      ...(facts.systemd
        ? { state: 'ok', text: 'systemd' }
        : {
            state: 'warning',
            text: 'no systemd: the agent is kept running by a process of its own, until the machine restarts',
          }),
    },
  ];
}

function checkSystem(facts: MachineFacts): Check {
  const name = 'system';
  if (platformOf(facts)) return { name, state: 'ok', text: `${facts.release}, ${facts.machine}` };
  return {
    ...{ name, state: 'failed', text: `${facts.system} on ${facts.machine}` },
    next: `nodes are ${[...new Set(Object.values(MACHINES))].join(' or ')}`,
  };
}

function checkLibc({ libc }: MachineFacts): Check {
  const name = 'C library';
  const [, major, minor] = /^glibc (\d+)\.(\d+)/.exec(libc) ?? [];
  const isNew =
    Number(major) > MIN_GLIBC[0] || (Number(major) === MIN_GLIBC[0] && Number(minor) >= MIN_GLIBC[1]);
  if (major !== undefined && isNew) return { name, state: 'ok', text: libc };
  return {
    ...{ name, state: 'failed', text: libc || 'unknown' },
    next: `the program needs glibc ${MIN_GLIBC.join('.')} or newer, as Debian 10 and Ubuntu 20.04 have`,
  };
}

function checkRoot({ root, user }: MachineFacts): Check {
  const name = 'rights';
  if (root) return { name, state: 'ok', text: user === 'root' ? 'root' : `${user}, root by sudo` };
  return {
    ...{ name, state: 'failed', text: `${user} is not root, and sudo does not let them without a question` },
    next: `log in as root, or let them: echo '${user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/${user}`,
  };
}

function checkEngine(facts: MachineFacts, drivers: string[]): Check {
  const name = 'engine';
  const { engines } = facts;
  const there = Object.values(engines);
  const needs = (driver: string) =>
    driver === 'docker' ? engines.docker || engines.podman : driver === 'lxc' ? engines.lxc : true;
  const missing = drivers.filter(driver => !needs(driver));
  if (missing.length > 0)
    return {
      ...{ name, state: 'failed', text: `no socket of an engine for driver ${missing.join(', ')}` },
      next: 'install it there: apt-get install docker.io, or lxd',
    };
  if (drivers.length > 0 || there.length > 0)
    return { name, state: 'ok', text: there.join(', ') || `driver ${drivers.join(', ')}` };
  return {
    ...{ name, state: 'failed', text: 'neither Docker, Podman, LXD nor Incus has a socket there' },
    next: 'nexus node add … --install-engine installs Docker; or there: apt-get install docker.io, or lxd',
  };
}

function checkDisk({ freeBytes }: MachineFacts): Check {
  const text = `${(freeBytes / 2 ** 30).toFixed(1)} GiB free in /usr/local`;
  if (freeBytes >= MIN_FREE_BYTES) return { name: 'disk', state: 'ok', text };
  return { name: 'disk', state: 'failed', text, next: 'the program needs 400 MiB while it is replaced' };
}

function checkClock({ time }: MachineFacts, now: number): Check {
  const skew = Math.abs(time - now);
  if (skew <= MAX_SKEW_S) return { name: 'clock', state: 'ok', text: 'as here' };
  return {
    ...{
      name: 'clock',
      state: 'warning',
      text: `${skew} s ${time < now ? 'behind' : 'ahead of'} the one here`,
    },
    next: 'set it: timedatectl set-ntp true',
  };
}

function checkGateway({ gateway, isGatewayUnknown }: MachineFacts, address: string): Check {
  const name = 'gateway';
  if (gateway === true) return { name, state: 'ok', text: `${address} answers` };
  if (gateway === undefined)
    return { name, state: 'warning', text: `whether ${address} is reached cannot be asked there` };
  const why = isGatewayUnknown ? ': its name is not known there' : '';
  return {
    ...{ name, state: 'failed', text: `${address} is not reached from there${why}` },
    next: 'start the server with --gateway-listen 0.0.0.0:3022 and --gateway-address HOST:3022, or name it as that machine reaches it: --gateway HOST:PORT',
  };
}
