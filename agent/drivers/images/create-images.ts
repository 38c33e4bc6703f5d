import type { Clock } from '../../../controller/kit/clock.ts';
import { type Driver, DriverError, type ImageLogin } from '../../driver.ts';
import { type Report, SharedTasks } from './shared-tasks.ts';
import { Slots } from './slots.ts';

const PARALLEL_PULLS = 2;

export interface BaseImage {
  /** Content id. */
  id: string;
  /** As asked for; for people. */
  reference: string;
}

/** Images on one kind of engine. Everything throws DriverError, or the reason of an aborted signal. */
export interface ImageStore {
  /** Throws Invalid unless it is a reference in the engine's grammar. */
  check(reference: string): void;
  /** Content id of an image that is there. */
  find(reference: string): Promise<string | undefined>;
  /** Content id of the complete form of an image, when it is known. */
  findComplete(baseId: string): Promise<string | undefined>;
  pull(reference: string, report: Report, signal: AbortSignal, login?: ImageLogin): Promise<void>;
  /** Looks into an image and adds what it lacks; the outcome is kept under the name that `findComplete` looks for. */
  complete(base: BaseImage, report: Report, signal: AbortSignal): Promise<string>;
}

export interface Images {
  ensure: Driver['ensureImage'];
  /** Gives up everything under way. */
  close(): void;
}

/**
 * Images made complete. What was found out is kept in the engine itself, as a name for the complete form of each content,
 * so it holds for the next agent too and a look costs two reads.
 */
export function createImages(store: ImageStore, clock: Clock): Images {
  const fetches = new SharedTasks<string>(clock);
  const completions = new SharedTasks<string>(clock);
  const pulls = new Slots(PARALLEL_PULLS);

  return {
    async ensure(reference, { pull = true, login, onProgress, signal } = {}) {
      signal?.throwIfAborted();
      store.check(reference);
      const baseId = await store.find(reference);
      const ready = baseId && (await store.findComplete(baseId));
      if (ready) return { id: ready };
      if (!pull) return undefined;
      const key = JSON.stringify([reference, login]);
      const id = await fetches.run(key, { onProgress, signal }, async (report, signal) => {
        let present = baseId ?? (await store.find(reference));
        if (!present) {
          await pulls.run(() => store.pull(reference, report, signal, login), signal);
          present = await store.find(reference);
        }
        if (!present)
          throw new DriverError(
            'ImagePullFailed',
            `${reference} was pulled, but the engine does not have it`,
          );
        const base = { id: present, reference };
        return completions.run(
          present,
          { onProgress: report, signal },
          async (report, signal) =>
            (await store.findComplete(base.id)) ?? store.complete(base, report, signal),
        );
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
