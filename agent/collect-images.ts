import { timestamp } from '../controller/kit/clock.ts';
import type { Lister } from '../controller/runtime/reconciler.ts';
import type { Placement } from '../crds/types.generated.ts';
import type { AgentContext, Backend } from './agent-context.ts';
import { DriverError } from './driver.ts';

/**
 * Removes complete forms of images that no container is made of and no Placement asks for, once that has been so for the
 * time they are kept. Only to be called when the cache is in sync with the server. What was pulled is left.
 */
export async function collectImages(
  context: AgentContext,
  placements: Lister<Placement>,
  signal: AbortSignal,
): Promise<void> {
  const all = placements.list({ namespace: context.namespace });
  const before = context.checkpoint.data.unusedImages ?? {};
  const unused: Record<string, string> = {};
  for (const backend of context.backends.values()) {
    if (signal.aborted) return;
    const own = (name: string) => `${backend.name} ${name}`;
    try {
      for (const name of await unusedOf(backend, all, context.nodeName)) {
        const since = before[own(name)] ?? timestamp(context.clock.now());
        const isOver = context.clock.now() - Date.parse(since) >= context.keepImagesMs;
        if (!isOver || !(await remove(context, backend, name))) unused[own(name)] = since;
      }
    } catch (error) {
      // Nothing is known of these: their time goes on.
      for (const [key, since] of Object.entries(before)) if (key.startsWith(own(''))) unused[key] = since;
      context.log.warn(
        { err: error, driver: backend.name },
        'unused images could not be looked for; it is tried again',
      );
    }
  }
  await context.checkpoint.setUnusedImages(unused);
}

/** What the agent of another node of the engine has made is its to remove: it knows who asks for it. */
async function unusedOf(
  { name, view: { driver } }: Backend,
  placements: Placement[],
  node: string,
): Promise<string[]> {
  if (!driver.derivedImages || !driver.removeDerivedImage) return [];
  const wanted = placements.filter(({ spec }) => spec.driver === name).map(({ spec }) => spec.image);
  const found = await driver.derivedImages([...new Set(wanted)]);
  return found
    .filter(({ isInUse, isWanted, madeBy = node }) => !isInUse && !isWanted && madeBy === node)
    .map(image => image.name);
}

/** False: it is in use after all. */
async function remove({ log, metrics }: AgentContext, { view }: Backend, name: string): Promise<boolean> {
  try {
    await view.driver.removeDerivedImage?.(name);
  } catch (error) {
    if (error instanceof DriverError && error.code === 'InUse') return false;
    throw error;
  }
  metrics.orphan('image');
  log.info({ image: name }, 'removed an image that nobody used any more');
  return true;
}
