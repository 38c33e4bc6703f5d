import type { Driver } from '../../../driver.ts';
import { DriverError } from '../../../driver.ts';
import type { DockerContext } from '../context.ts';
import { engineCall, statusOf } from '../errors.ts';
import { contentId } from '../to-instance.ts';

export function createImages(context: DockerContext): { ensure: Driver['ensureImage'] } {
  return {
    async ensure(reference, { pull = true, signal } = {}) {
      const found = await engineCall(
        `look at image ${reference}`,
        async () => {
          try {
            return await context.docker.getImage(reference).inspect();
          } catch (error) {
            if (statusOf(error) === 404) return undefined;
            throw error;
          }
        },
        signal,
      );
      if (found) return { id: contentId(found.Id) };
      if (!pull) return undefined;
      throw new DriverError('ImageNotFound', `${reference} is not on this node`);
    },
  };
}
