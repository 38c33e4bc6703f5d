import { BoundedMap } from '../../../../controller/kit/bounded-map.ts';
import { DriverError } from '../../../driver.ts';
import type { ImageStore } from '../../images/create-images.ts';
import { noManager } from '../../images/recipe.ts';
import { Slots } from '../../images/slots.ts';
import type { NetworkKeeper } from '../../network/network-keeper.ts';
import type { DockerContext } from '../context.ts';
import { engineCall, statusOf } from '../errors.ts';
import type { NetworkFacts } from '../network.ts';
import { contentId } from '../to-instance.ts';
import { derivedName, makeDerived } from './derive.ts';
import { probeImage } from './probe.ts';
import { pullImage } from './pull.ts';
import { checkReference } from './reference.ts';

/** Package managers are heavy on disk and processor. */
const PARALLEL_BUILDS = 1;

/** The images of a Docker or Podman engine. The complete form of each has a tag. */
export function dockerImages(context: DockerContext, keeper: NetworkKeeper<NetworkFacts>): ImageStore {
  const { docker } = context;
  const builds = new Slots(PARALLEL_BUILDS);

  /** Names of images by content id, as last seen: an image that lacks nothing has that of its complete form itself. */
  const names = new BoundedMap<string, string[]>(1000);

  const find = (reference: string): Promise<string | undefined> =>
    engineCall(`look at image ${reference}`, async () => {
      try {
        const { Id, RepoTags } = await docker.getImage(reference).inspect();
        names.set(contentId(Id), RepoTags ?? []);
        return contentId(Id);
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  const findComplete = async (baseId: string) => {
    const { name } = derivedName(baseId);
    // As Podman has it: with the registry that it stands for.
    const isItself = names.get(baseId)?.some(known => known === name || known === `localhost/${name}`);
    return isItself ? baseId : find(name);
  };

  return {
    check: checkReference,
    find,
    findComplete,
    pull: (reference, report, signal, login) => pullImage(context, { reference, login }, report, signal),

    async complete(base, report, signal) {
      const { missing, manager } = await probeImage(context, base, signal);
      if (missing.length === 0) {
        const { repo, tag } = derivedName(base.id);
        await engineCall(`name ${base.reference}`, () => docker.getImage(base.id).tag({ repo, tag }));
        return base.id;
      }
      if (!manager) throw noManager(base.reference, missing);
      await builds.run(() => makeDerived(context, keeper, base, { report, signal }), signal);
      const built = await findComplete(base.id);
      if (!built)
        throw new DriverError('ImageBuildFailed', `the image built from ${base.reference} went away`);
      return built;
    },
  };
}
