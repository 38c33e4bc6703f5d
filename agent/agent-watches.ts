import { type ControllerWatch, watch } from '../controller/runtime/controller.ts';
import type { Informer } from '../controller/runtime/reconciler.ts';
import type { Secret } from '../crds/object.ts';
import type { Placement } from '../crds/types.generated.ts';

/** Placements, and their Secrets by the placement that names them. Keys come once there is something to look at. */
export function agentWatches(options: {
  placements: Informer<Placement>;
  secrets: Informer<Secret>;
  begun: Promise<void>;
  namespace: string;
}): ControllerWatch[] {
  const { placements, secrets, begun, namespace } = options;
  const bySecret = 'secretName';
  placements.addIndex(bySecret, ({ spec }) => (spec.secretName === undefined ? [] : [spec.secretName]));
  const ofPlacements = watch(placements, undefined, ({ old, now }) => isNews(old, now));
  const ofSecrets = watch(secrets, secret =>
    placements
      .byIndex(bySecret, secret.metadata.name)
      .map(({ metadata }) => ({ namespace, name: metadata.name })),
  );
  return [
    { ...ofPlacements, synced: begun },
    { ...ofSecrets, synced: begun },
  ];
}

/** A status that this agent wrote itself is no reason to look again. */
function isNews(old: Placement | undefined, now: Placement | undefined): boolean {
  if (!old || !now) return true;
  return (
    old.metadata.uid !== now.metadata.uid ||
    old.metadata.generation !== now.metadata.generation ||
    old.metadata.deletionTimestamp !== now.metadata.deletionTimestamp
  );
}
