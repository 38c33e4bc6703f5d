import { DriverError, type InstanceSpec } from '../../driver.ts';
import { hardwareAddress } from './addresses.ts';
import type { Config, Device } from './api/types.ts';
import { BOOT_SCRIPT_PATH } from './boot-script.ts';
import type { LxdFacts } from './lxd-facts.ts';
import type { LxcNetwork } from './network.ts';

/** What inits expect there, and take as it is. Secrets are in file systems of memory above it. */
const RUN = { path: '/run', options: 'rw,nosuid,nodev,mode=0755,size=20%' };

export interface Placed {
  pool: string;
  network: LxcNetwork;
  address: string;
  /** Whether LXD can keep an instance from taking another's address. */
  canFilter: boolean;
}

/** Devices that every instance has; nothing comes from profiles, which are the operator's. */
export function baseDevices({ pool, network, address, canFilter }: Placed): Record<string, Device> {
  return {
    root: { type: 'disk', path: '/', pool },
    eth0: {
      type: 'nic',
      name: 'eth0',
      network: network.name,
      hwaddr: hardwareAddress(address),
      // For programs inside that ask by DHCP: the same.
      'ipv4.address': address,
      'security.port_isolation': 'true',
      ...(canFilter && { 'security.mac_filtering': 'true', 'security.ipv4_filtering': 'true' }),
    },
  };
}

/** Configuration that every instance has. LXD's own defaults make it unprivileged and bring it back after a reboot. */
export function baseConfig(
  { network, address }: Placed,
  { hostname, tmpfs }: Pick<InstanceSpec, 'hostname' | 'tmpfs'>,
  facts: LxdFacts,
): Config {
  const { gateway, bits } = network.subnet;
  return {
    // A way from inside to LXD, which nothing here needs.
    [facts.kind === 'incus' ? 'security.guestapi' : 'security.devlxd']: 'false',
    'raw.lxc': [
      `lxc.init.cmd = /bin/sh ${BOOT_SCRIPT_PATH}`,
      `lxc.uts.name = ${hostname}`,
      `lxc.net.0.ipv4.address = ${address}/${bits}`,
      `lxc.net.0.ipv4.gateway = ${gateway}`,
      ...mountEntries(tmpfs),
    ].join('\n'),
  };
}

const AUTO_START = 'boot.autostart';

/** Without the key LXD starts, when it is started itself, what ran last. It never does after an instance's own end. */
export function autoStartConfig(autoStart: boolean): Config {
  return autoStart ? {} : { [AUTO_START]: 'false' };
}

export function setAutoStart(config: Config, autoStart: boolean): void {
  delete config[AUTO_START];
  Object.assign(config, autoStartConfig(autoStart));
}

export function startsByItself(config: Config): boolean {
  return config[AUTO_START] !== 'false';
}

/** Lower ones first. */
function mountEntries(tmpfs: InstanceSpec['tmpfs']): string[] {
  const wanted = Object.entries(tmpfs).map(([path, { sizeBytes, mode }]) => ({
    path,
    options: `rw,nosuid,nodev,noexec,size=${sizeBytes},mode=${mode.toString(8).padStart(4, '0')}`,
  }));
  const all = wanted.some(({ path }) => path === RUN.path) ? wanted : [RUN, ...wanted];
  for (const { path } of all)
    if (!/^\/[A-Za-z0-9._/-]+$/.test(path) || path.includes('..'))
      throw new DriverError('Invalid', `${JSON.stringify(path)} cannot be a memory file system`);
  return all
    .sort((a, b) => a.path.length - b.path.length)
    .map(({ path, options }) => `lxc.mount.entry = tmpfs ${path.slice(1)} tmpfs ${options},create=dir 0 0`);
}

/** LXD passes these to the first process and to every exec. */
export function environmentConfig(env: InstanceSpec['env']): Config {
  const broken = Object.entries(env).find(([name, value]) => !/^\w+$/.test(name) || /[\r\n]/.test(value));
  if (broken)
    throw new DriverError('Invalid', `the variable ${JSON.stringify(broken[0])} cannot be given to LXD`);
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [`environment.${name}`, value]));
}
