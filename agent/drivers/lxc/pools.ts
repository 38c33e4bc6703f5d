import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DriverError } from '../../driver.ts';
import type { Device } from './api/types.ts';
import type { LxcContext } from './context.ts';

/** Of an LXD that was never set up: directories, which every system can do. */
const FIRST_POOL = { name: 'nexus', driver: 'dir', description: 'Made by Nexus, as there was none' };

const POOLS = '/1.0/storage-pools';

/** Names of all there are. */
export async function listPools({ lxd }: LxcContext, signal?: AbortSignal): Promise<string[]> {
  const paths = await lxd.list<string>(POOLS, signal);
  return paths.map(path => decodeURIComponent(path.split('/').at(-1) ?? '')).sort();
}

/**
 * The pool for what is made: the one that was asked for, else that of LXD's default profile, else the first; undefined when
 * there is none. Throws Invalid when the one that was asked for is not there.
 */
export async function findPool(context: LxcContext): Promise<string | undefined> {
  const { lxd, pool: wanted } = context;
  const pools = await listPools(context);
  if (wanted !== undefined) {
    if (pools.includes(wanted)) return wanted;
    throw new DriverError(
      'Invalid',
      `LXD has no storage pool named ${wanted}, as --lxd-pool says; it has: ${pools.join(', ') || 'none'}`,
    );
  }
  const profile = await lxd.find<{ devices: Record<string, Device> }>('/1.0/profiles/default');
  const root = Object.values(profile?.devices ?? {}).find(
    ({ type, path }) => type === 'disk' && path === '/',
  );
  return pools.find(name => name === root?.pool) ?? pools[0];
}

/** The same; an LXD that has none gets one, so that nobody has to run `lxd init` first. */
export async function ensurePool(context: LxcContext): Promise<string> {
  const { lxd, log } = context;
  const found = await findPool(context);
  if (found !== undefined) return found;
  try {
    await lxd.change('POST', POOLS, { body: FIRST_POOL });
    log.info({ pool: FIRST_POOL.name }, 'LXD had no storage pool; one of directories was made');
  } catch (error) {
    // Somebody was faster.
    if ((await findPool(context)) === undefined) throw error;
  }
  return (await findPool(context)) ?? FIRST_POOL.name;
}

/** Size of the pool for what is made; of the file system of LXD's own folder when there is none yet. 0 when it cannot be told. */
export async function poolBytes(context: LxcContext): Promise<number> {
  const { lxd } = context;
  try {
    const pool = await findPool(context);
    if (pool === undefined) {
      const { blocks, bsize } = await statfs(dirname(lxd.socketPath));
      return blocks * bsize;
    }
    const path = `${POOLS}/${encodeURIComponent(pool)}/resources`;
    const { space } = await lxd.get<{ space?: { total?: number } }>(path);
    return space?.total ?? 0;
  } catch (error) {
    if (error instanceof DriverError) throw error;
    return 0;
  }
}
