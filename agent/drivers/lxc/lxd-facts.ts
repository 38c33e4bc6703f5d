import { DriverError } from '../../driver.ts';
import type { LxdClient } from './api/lxd-client.ts';
import type { LxdPool, LxdResources, LxdServer } from './api/types.ts';

/** What does not change while LXD runs. */
export interface LxdFacts {
  kind: 'lxd' | 'incus';
  /** As in `LXD 5.0.2`. */
  version: string;
  has(extension: string): boolean;
  /** LXD filters by nftables itself, or needs ebtables. */
  firewall: 'xtables' | 'nftables';
  /** As in `x86_64`. */
  architecture: string;
  cpuMillis: number;
  memoryBytes: number;
}

/** What instances need that releases of long ago do not have. */
const NEEDED = ['instances', 'event_lifecycle', 'container_exec_user_group_cwd', 'image_create_aliases'];

/** Throws what the client throws, and DriverError when it is no server for us. */
export async function readFacts(lxd: LxdClient): Promise<LxdFacts> {
  const [server, resources] = await Promise.all([
    lxd.get<LxdServer>('/1.0'),
    lxd.get<LxdResources>('/1.0/resources'),
  ]);
  const { api_extensions: extensions, environment, auth } = server;
  if (auth !== 'trusted')
    throw new DriverError('EngineUnavailable', 'LXD does not trust this user: run as root or in its group');
  const kind = environment.server === 'incus' ? 'incus' : 'lxd';
  const version = `${kind === 'incus' ? 'Incus' : 'LXD'} ${environment.server_version}`;
  const there = new Set(extensions);
  const missing = NEEDED.filter(extension => !there.has(extension));
  if (missing.length > 0)
    throw new DriverError(
      'EngineUnavailable',
      `${version} is too old (it lacks ${missing.join(', ')}); LXD 5.0 or Incus 6.0 is needed`,
    );
  return {
    kind,
    version,
    has: extension => there.has(extension),
    firewall: environment.firewall === 'nftables' ? 'nftables' : 'xtables',
    architecture: environment.kernel_architecture ?? 'x86_64',
    cpuMillis: resources.cpu.total * 1000,
    memoryBytes: resources.memory.total,
  };
}

/** The pool that was asked for, else that of LXD's default profile, else the only one; undefined when there is none. */
export async function findPool(lxd: LxdClient, wanted: string | undefined): Promise<LxdPool | undefined> {
  const pools = await lxd.get<LxdPool[]>('/1.0/storage-pools?recursion=1');
  if (wanted !== undefined) {
    const found = pools.find(({ name }) => name === wanted);
    if (found) return found;
    const others = pools.map(({ name }) => name).join(', ') || 'none';
    throw new DriverError('Invalid', `LXD has no storage pool named ${wanted}; it has: ${others}`);
  }
  const profile = await lxd.find<{ devices: Record<string, Record<string, string>> }>(
    '/1.0/profiles/default',
  );
  const named = Object.values(profile?.devices ?? {}).find(
    ({ type, path }) => type === 'disk' && path === '/',
  );
  return (
    pools.find(({ name }) => name === named?.pool) ?? pools.toSorted((a, b) => (a.name < b.name ? -1 : 1))[0]
  );
}

/** Size of a pool; 0 when LXD cannot tell. */
export async function poolBytes(lxd: LxdClient, pool: string): Promise<number> {
  const found = await lxd
    .get<{ space?: { total?: number } }>(`/1.0/storage-pools/${encodeURIComponent(pool)}/resources`)
    .catch(() => undefined);
  return found?.space?.total ?? 0;
}
