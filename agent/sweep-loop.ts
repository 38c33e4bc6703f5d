import { aborted, slept } from '../controller/kit/abort.ts';
import type { Lister } from '../controller/runtime/reconciler.ts';
import type { Placement } from '../crds/types.generated.ts';
import type { AgentContext } from './agent-context.ts';
import { collectImages } from './collect-images.ts';
import { keepStrangeVolumes, removeOrphans } from './orphans.ts';
import type { Unit } from './reconcile/unit.ts';

export interface SweepLoop {
  /** From now on: the caches are in sync with the server, whose Node has this uid. */
  start(serverUid: string | undefined): void;
  /** A Placement went: look for what it left. */
  wake(): void;
  /** Resolves when stopped. */
  readonly ended: Promise<void>;
}

const RETRY_MS = 5_000;

/** Looks at everything now and then, and for orphans and unused images after each Placement that went too. */
export function runSweepLoop(options: {
  context: AgentContext;
  units: ReadonlyMap<string, Unit>;
  placements: Lister<Placement>;
  stop: AbortSignal;
  resyncMs: number;
  wakeAll: () => void;
}): SweepLoop {
  const { context, units, placements, stop, resyncMs, wakeAll } = options;
  const { promise: begun, resolve: start } = Promise.withResolvers<string | undefined>();
  let nap = new AbortController();
  /** Before anything is removed: what was there before this agent kept a record is kept. */
  const looked = async (serverUid: string | undefined) => {
    try {
      await keepStrangeVolumes(context, placements, serverUid);
      return true;
    } catch (error) {
      context.log.debug({ err: error }, 'the volumes that are there could not be looked at');
      return false;
    }
  };
  const run = async () => {
    const serverUid = await Promise.race([begun, aborted(stop).then(() => undefined)]);
    while (!stop.aborted && !(await looked(serverUid))) await slept(context.clock, RETRY_MS, stop);
    while (!stop.aborted) {
      nap = new AbortController();
      await removeOrphans(context, placements, stop);
      await collectImages(context, placements, stop).catch(error =>
        context.log.warn({ err: error }, 'since when images are unused could not be written'),
      );
      const passed = await slept(context.clock, resyncMs, AbortSignal.any([stop, nap.signal]));
      if (!passed || stop.aborted) continue;
      for (const { view } of context.backends.values()) view.invalidate();
      for (const unit of units.values()) unit.guest?.invalidate();
      wakeAll();
    }
  };
  return { start, wake: () => nap.abort(), ended: run() };
}
