import { type DerivedImage, DriverError } from '../../../driver.ts';
import { isStatus, lxdCall } from '../api/lxd-error.ts';
import type { LxdImage } from '../api/types.ts';
import type { LxcContext } from '../context.ts';
import { listInstances } from '../instances.ts';

/** Property of an image that something was added to: content id of what it was made of. */
export const DERIVED_FROM = 'nexus.derived-from';

/** Another: name of the node whose agent added it. */
export const DERIVED_BY = 'nexus.derived-by';

/** Named by their fingerprints. `findComplete`: reference → content id of its complete form. */
export function listDerivedImages(
  context: LxcContext,
  wanted: readonly string[],
  findComplete: (reference: string) => Promise<string | undefined>,
): Promise<DerivedImage[]> {
  return lxdCall('list derived images', async () => {
    const [images, used, kept] = await Promise.all([
      context.lxd.list<LxdImage>('/1.0/images?recursion=1'),
      usedImages(context),
      Promise.all(wanted.map(reference => findComplete(reference).catch(() => undefined))),
    ]);
    return images
      .filter(({ properties }) => properties?.[DERIVED_FROM] !== undefined)
      .map(({ fingerprint, properties }) => ({
        name: fingerprint,
        isInUse: used.has(fingerprint),
        isWanted: kept.includes(`sha256:${fingerprint}`),
        ...(properties?.[DERIVED_BY] !== undefined && { madeBy: properties[DERIVED_BY] }),
      }));
  });
}

/** With its aliases. Gone is success; InUse while an instance is made of it, which LXD would not mind. */
export function removeDerivedImage(context: LxcContext, name: string): Promise<void> {
  return lxdCall(`remove image ${name}`, async () => {
    if ((await usedImages(context)).has(name))
      throw new DriverError('InUse', `an instance is made of image ${name}`);
    try {
      await context.lxd.change('DELETE', `/1.0/images/${encodeURIComponent(name)}`);
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  });
}

async function usedImages(context: LxcContext): Promise<Set<string>> {
  const instances = await listInstances(context);
  return new Set(instances.flatMap(({ config }) => config['volatile.base_image'] ?? []));
}
