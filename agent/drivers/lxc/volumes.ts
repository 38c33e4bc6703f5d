import { LABEL_NODE } from '../../../crds/names.ts';
import { DriverError, type InstanceSpec, type Volume } from '../../driver.ts';
import { notOurs } from '../not-ours.ts';
import { isStatus, LxdError, lxdCall } from './api/lxd-error.ts';
import type { LxdVolume } from './api/types.ts';
import type { LxcContext } from './context.ts';
import { KEY, labelOf, labelsOf, lxdVolumeName, toLabelConfig } from './names.ts';
import { ensurePool, listPools } from './pools.ts';

/** Where LXD has a volume. */
export interface VolumePlace {
  pool: string;
  lxdName: string;
}

export type OurVolume = Volume & VolumePlace;

const pathOf = (pool: string, lxdName?: string) =>
  `/1.0/storage-pools/${encodeURIComponent(pool)}/volumes/custom${lxdName === undefined ? '' : `/${encodeURIComponent(lxdName)}`}`;

/** The node's volumes in every pool: which one is used for new ones may have changed. */
export function listVolumes(context: LxcContext, signal?: AbortSignal): Promise<OurVolume[]> {
  const { lxd, node } = context;
  return lxdCall(
    'list volumes',
    async () => {
      const pools = await listPools(context, signal);
      const found = await Promise.all(
        pools.map(async pool => {
          const volumes = await lxd.list<LxdVolume>(`${pathOf(pool)}?recursion=1`, signal);
          return volumes.map(volume => ({ pool, volume }));
        }),
      );
      return found
        .flat()
        .filter(({ volume: { config } }) => labelOf(config, LABEL_NODE) === node)
        .map(({ pool, volume: { name, config } }) => ({
          pool,
          lxdName: name,
          name: config[KEY.name] ?? name,
          labels: labelsOf(config),
        }));
    },
    signal,
  );
}

/** Made if it is in no pool. Throws Invalid when it is somebody else's. */
export function ensureVolume(context: LxcContext, volume: InstanceSpec['volume']): Promise<VolumePlace> {
  const { lxd, node } = context;
  const { name, labels, sizeBytes } = volume;
  const lxdName = lxdVolumeName(name);
  return lxdCall(`make volume ${name}`, async () => {
    let found = await find(context, lxdName);
    if (!found) {
      const pool = await ensurePool(context);
      const size = sizeBytes === undefined ? {} : { size: String(sizeBytes) };
      const config = { ...toLabelConfig(labels), [KEY.name]: name, ...size };
      try {
        await lxd.change('POST', pathOf(pool), { body: { name: lxdName, config } });
        return { pool, lxdName };
      } catch (error) {
        // Somebody was faster.
        found = await find(context, lxdName);
        if (!found) throw error;
      }
    }
    const { pool, config } = found;
    const owner = labelOf(config, LABEL_NODE);
    if (owner !== node || (config[KEY.name] ?? '') !== name)
      throw notOurs('volume', lxdName, owner === node ? undefined : owner);
    if (sizeBytes !== undefined && config.size !== String(sizeBytes))
      await resize(context, { pool, lxdName }, sizeBytes);
    return { pool, lxdName };
  });
}

/** Most pools do not shrink a volume; what is on it matters more than its size. */
async function resize(
  { lxd, log }: LxcContext,
  { pool, lxdName }: VolumePlace,
  sizeBytes: number,
): Promise<void> {
  const body = { config: { size: String(sizeBytes) } };
  try {
    await lxd.change('PATCH', pathOf(pool, lxdName), { body });
  } catch (error) {
    log.warn({ volume: lxdName, err: error }, 'the size of a volume was not changed');
  }
}

/** Gone is success. Throws InUse, and Invalid when it is somebody else's. */
export function removeVolume(context: LxcContext, name: string): Promise<void> {
  const lxdName = lxdVolumeName(name);
  return lxdCall(`remove volume ${name}`, async () => {
    const found = await find(context, lxdName);
    if (!found) return;
    if (labelOf(found.config, LABEL_NODE) !== context.node)
      throw new DriverError('Invalid', `the volume ${name} does not belong to node ${context.node}`);
    try {
      await context.lxd.change('DELETE', pathOf(found.pool, lxdName));
    } catch (error) {
      if (isStatus(error, 404)) return;
      if (error instanceof LxdError && /in use/i.test(error.message))
        throw new DriverError('InUse', `remove volume ${name}: ${error.message}`, { cause: error });
      throw lostSubvolume(name, error) ?? error;
    }
  });
}

/** Where somebody removed the subvolume of a volume, LXD goes on with a plain folder, which it then cannot remove. */
function lostSubvolume(name: string, error: unknown): DriverError | undefined {
  if (!(error instanceof LxdError)) return undefined;
  const path = /subvolume[^"]*"(\/[^"]+)"/.exec(error.message)?.[1];
  if (path === undefined) return undefined;
  return new DriverError(
    'Internal',
    `remove volume ${name}: LXD finds no subvolume of btrfs at ${path}, where somebody removed it; run on the node: rm -r ${path} && btrfs subvolume create ${path}`,
    { cause: error },
  );
}

async function find(
  context: LxcContext,
  lxdName: string,
): Promise<(LxdVolume & { pool: string }) | undefined> {
  for (const pool of await listPools(context)) {
    const found = await context.lxd.find<LxdVolume>(pathOf(pool, lxdName));
    if (found) return { ...found, pool };
  }
  return undefined;
}
