import { LABEL_NODE } from '../../../crds/names.ts';
import { DriverError, type InstanceSpec, type Volume } from '../../driver.ts';
import { isStatus, LxdError, lxdCall } from './api/lxd-error.ts';
import type { LxdVolume } from './api/types.ts';
import type { LxcContext } from './context.ts';
import { KEY, labelOf, labelsOf, lxdVolumeName, toLabelConfig } from './names.ts';

const pathOf = (pool: string, name?: string) =>
  `/1.0/storage-pools/${encodeURIComponent(pool)}/volumes/custom${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;

/** A volume of the node and LXD's name of it. */
export interface OurVolume extends Volume {
  lxdName: string;
}

export function listVolumes(
  { lxd, node }: LxcContext,
  pool: string,
  signal?: AbortSignal,
): Promise<OurVolume[]> {
  return lxdCall(
    'list volumes',
    async () => {
      const found = await lxd.get<LxdVolume[]>(`${pathOf(pool)}?recursion=1`, signal);
      return found
        .filter(({ config }) => labelOf(config, LABEL_NODE) === node)
        .map(({ name, config }) => ({
          lxdName: name,
          name: config[KEY.name] ?? name,
          labels: labelsOf(config),
        }));
    },
    signal,
  );
}

/** Made if it is not there; gives LXD's name of it. Throws Invalid when it is somebody else's. */
export function ensureVolume(
  { lxd, node, log }: LxcContext,
  pool: string,
  { name, labels, sizeBytes }: InstanceSpec['volume'],
): Promise<string> {
  const lxdName = lxdVolumeName(name);
  return lxdCall(`make volume ${name}`, async () => {
    const find = () => lxd.find<LxdVolume>(pathOf(pool, lxdName));
    const size = sizeBytes === undefined ? undefined : String(sizeBytes);
    let found = await find();
    if (!found) {
      try {
        await lxd.change('POST', pathOf(pool), {
          body: {
            name: lxdName,
            config: {
              ...toLabelConfig(labels),
              [KEY.name]: name,
              ...(size !== undefined && { size }),
            },
          },
        });
        return lxdName;
      } catch (error) {
        // Somebody was faster.
        found = await find();
        if (!found) throw error;
      }
    }
    if (labelOf(found.config, LABEL_NODE) !== node || (found.config[KEY.name] ?? '') !== name)
      throw new DriverError(
        'Invalid',
        `a volume named ${lxdName} is there that does not belong to this node; rename or remove it`,
      );
    if (size !== undefined && found.config.size !== size)
      await lxd.change('PATCH', pathOf(pool, lxdName), { body: { config: { size } } }).catch(error => {
        // Most pools do not shrink; what is on it matters more than its size.
        log.warn({ volume: lxdName, err: error }, 'the size of a volume was not changed');
      });
    return lxdName;
  });
}

/** Gone is success. Throws InUse, and Invalid when it is somebody else's. */
export function removeVolume({ lxd, node }: LxcContext, pool: string, name: string): Promise<void> {
  const path = pathOf(pool, lxdVolumeName(name));
  return lxdCall(`remove volume ${name}`, async () => {
    const found = await lxd.find<LxdVolume>(path);
    if (!found) return;
    if (labelOf(found.config, LABEL_NODE) !== node)
      throw new DriverError('Invalid', `the volume ${name} does not belong to node ${node}`);
    try {
      await lxd.change('DELETE', path);
    } catch (error) {
      if (isStatus(error, 404)) return;
      if (error instanceof LxdError && /in use/i.test(error.message))
        throw new DriverError('InUse', `remove volume ${name}: ${error.message}`, { cause: error });
      throw error;
    }
  });
}
