import type Docker from 'dockerode';
import { familiarName } from '../../../../controller/kit/image-name.ts';
import type { DerivedImage } from '../../../driver.ts';
import { engineCall, statusOf } from '../errors.ts';
import { contentId } from '../to-instance.ts';
import { derivedName, isDerived, LABEL_DERIVED_BY, LABEL_DERIVED_FROM } from './derive.ts';

/** By the names that derived images are kept under, and those that lost theirs to a later one. `find`: reference → content id. */
export function listDerivedImages(
  docker: Docker,
  wanted: readonly string[],
  find: (reference: string) => Promise<string | undefined>,
): Promise<DerivedImage[]> {
  return engineCall('list derived images', async () => {
    const [images, containers, bases] = await Promise.all([
      docker.listImages(),
      docker.listContainers({ all: true }),
      // One that is not there has no complete form either.
      Promise.all(wanted.map(reference => find(reference).catch(() => undefined))),
    ]);
    const used = new Set(containers.map(({ ImageID }) => contentId(ImageID)));
    const kept = new Set(bases.flatMap(base => (base === undefined ? [] : derivedName(base).name)));
    return images.flatMap(({ Id, RepoTags, Labels }) => {
      const tags = (RepoTags ?? []).filter(tag => !tag.includes('<none>'));
      const ours = tags.filter(tag => isDerived(familiarName(tag)));
      const isNameless = tags.length === 0 && Labels?.[LABEL_DERIVED_FROM] !== undefined;
      return (isNameless ? [Id] : ours).map(name => ({
        name,
        isInUse: used.has(contentId(Id)),
        isWanted: kept.has(familiarName(name)),
        ...(Labels?.[LABEL_DERIVED_BY] !== undefined && { madeBy: Labels[LABEL_DERIVED_BY] }),
      }));
    });
  });
}

/** The name alone where the image has others. Gone is success; InUse while a container is made of it. */
export function removeDerivedImage(docker: Docker, name: string): Promise<void> {
  return engineCall(`remove image ${name}`, async () => {
    try {
      await docker.getImage(name).remove();
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
    }
  });
}
