import { listOurs, removeContainer } from './containers.ts';
import { type DockerContext, LABEL_HELPER, UNFINISHED_SUFFIX } from './context.ts';
import { engineCall } from './errors.ts';

/** Longer than any look into an image takes: an older helper is nobody's. */
const HELPER_LIFE_MS = 300_000;

/** Removes what a driver that was killed left half-made: once, and again after something could not be cleaned up. */
export class Leftovers {
  readonly #context: DockerContext;
  readonly #making = new Set<string>();
  #swept: Promise<void> | undefined;

  constructor(context: DockerContext) {
    this.#context = context;
  }

  /** Keeps a name from being swept while `task` makes it. When that fails, the next sweep looks again. */
  async making<T>(name: string, task: () => Promise<T>): Promise<T> {
    this.#making.add(name);
    try {
      return await task();
    } catch (error) {
      this.#swept = undefined;
      throw error;
    } finally {
      this.#making.delete(name);
    }
  }

  sweep(): Promise<void> {
    this.#swept ??= this.#sweep();
    this.#swept.catch(() => {
      this.#swept = undefined;
    });
    return this.#swept;
  }

  async #sweep(): Promise<void> {
    const { docker, node, clock, log } = this.#context;
    const unfinished = (await listOurs(this.#context)).filter(
      ({ name }) =>
        name.endsWith(UNFINISHED_SUFFIX) && !this.#making.has(name.slice(0, -UNFINISHED_SUFFIX.length)),
    );
    const helpers = await engineCall('list helpers', () =>
      docker.listContainers({ all: true, filters: { label: [`${LABEL_HELPER}=${node}`] } }),
    );
    const forgotten = helpers.filter(({ Created }) => clock.now() - Created * 1000 > HELPER_LIFE_MS);
    for (const id of [...unfinished.map(({ id }) => id), ...forgotten.map(({ Id }) => Id)]) {
      await removeContainer(docker, id);
      log.info({ container: id }, 'removed a half-made container of an earlier run');
    }
  }
}
