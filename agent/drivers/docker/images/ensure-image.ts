import { type Driver, DriverError } from '../../../driver.ts';
import type { DockerContext } from '../context.ts';
import { engineCall, statusOf } from '../errors.ts';
import { contentId } from '../to-instance.ts';
import { buildDerived, derivedName } from './derive.ts';
import { probeImage } from './probe.ts';
import { pullImage } from './pull.ts';
import { checkReference } from './reference.ts';
import { type Report, SharedTasks } from './shared-tasks.ts';
import { Slots } from './slots.ts';

const PARALLEL_PULLS = 2;
/** Package managers are heavy on disk and processor. */
const PARALLEL_BUILDS = 1;

export interface Images {
  ensure: Driver['ensureImage'];
  /** Gives up everything under way. */
  close(): void;
}

/**
 * Images made complete. What was found out is kept in the engine itself, as a name for the complete form of each content,
 * so it holds for the next agent too and a look costs two reads.
 */
export function createImages(context: DockerContext, buildArgs: Record<string, string>): Images {
  const { docker, clock } = context;
  const fetches = new SharedTasks<string>(clock);
  const completions = new SharedTasks<string>(clock);
  const pulls = new Slots(PARALLEL_PULLS);
  const builds = new Slots(PARALLEL_BUILDS);

  const complete = (baseId: string, reference: string, report: Report, signal: AbortSignal) =>
    completions.run(baseId, { onProgress: report, signal }, async (report, signal) => {
      const { name, repo, tag } = derivedName(baseId);
      const there = await imageId(name);
      if (there) return there;
      const { missing, manager } = await probeImage(context, { id: baseId, reference }, signal);
      if (missing.length === 0) {
        await engineCall(`name ${reference}`, () => docker.getImage(baseId).tag({ repo, tag }));
        return baseId;
      }
      if (!manager)
        throw new DriverError(
          'ImageUnsupported',
          `${reference} lacks ${missing.join(', ')} and has no package manager that Nexus knows (apt, apk, dnf, yum); use an image that has them.`,
        );
      await builds.run(
        () => buildDerived(context, { id: baseId, reference, buildArgs }, report, signal),
        signal,
      );
      const built = await imageId(name);
      if (!built) throw new DriverError('ImageBuildFailed', `the image built from ${reference} went away`);
      return built;
    });

  async function imageId(reference: string): Promise<string | undefined> {
    return engineCall(`look at image ${reference}`, async () => {
      try {
        return contentId((await docker.getImage(reference).inspect()).Id);
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  }

  return {
    async ensure(reference, { pull = true, onProgress, signal } = {}) {
      signal?.throwIfAborted();
      checkReference(reference);
      const baseId = await imageId(reference);
      const ready = baseId && (await imageId(derivedName(baseId).name));
      if (ready) return { id: ready };
      if (!pull) return undefined;
      const id = await fetches.run(reference, { onProgress, signal }, async (report, signal) => {
        let present = baseId ?? (await imageId(reference));
        if (!present) {
          await pulls.run(() => pullImage(docker, reference, report, signal), signal);
          present = await imageId(reference);
        }
        if (!present)
          throw new DriverError(
            'ImagePullFailed',
            `${reference} was pulled, but the engine does not have it`,
          );
        return complete(present, reference, report, signal);
      });
      return { id };
    },

    close() {
      const reason = new DriverError('EngineUnavailable', 'the driver was closed');
      fetches.close(reason);
      completions.close(reason);
    },
  };
}
