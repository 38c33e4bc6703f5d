import type { Informer } from '../controller/runtime/reconciler.ts';
import type { Secret } from '../crds/object.ts';
import type { Placement } from '../crds/types.generated.ts';
import type { Checkpoint } from './checkpoint.ts';

/**
 * Where passes find what is asked for: the API's cache and, until that is there for the first time, the checkpoint. A
 * node whose server is away goes on healing from the last desired state, without secrets but for host keys.
 */
export interface PlacementSource {
  readonly isSynced: boolean;
  /** Resolves when the caches are there. */
  readonly synced: Promise<void>;
  names(): string[];
  placement(name: string): Placement | undefined;
  secret(name: string): Secret | undefined;
}

export function createPlacementSource(options: {
  placements: Informer<Placement>;
  secrets: Informer<Secret>;
  checkpoint: Checkpoint;
  namespace: string;
}): PlacementSource {
  const { placements, secrets, checkpoint, namespace } = options;
  let isSynced = false;
  const synced = Promise.all([placements.synced, secrets.synced]).then(() => {
    isSynced = true;
  });
  return {
    get isSynced() {
      return isSynced;
    },
    synced,
    names: () =>
      isSynced
        ? placements.list({ namespace }).map(({ metadata }) => metadata.name)
        : Object.keys(checkpoint.data.placements),
    placement: name => (isSynced ? placements.get(name, namespace) : checkpoint.data.placements[name]),
    secret: name => secrets.get(name, namespace),
  };
}
