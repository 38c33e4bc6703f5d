import { isApiError } from '../controller/kit/errors.ts';
import type { Lister } from '../controller/runtime/reconciler.ts';
import { apiVersionOf, PLACEMENT } from '../crds/kinds.ts';
import { LABEL_PLACEMENT, LABEL_WORKSPACE_UID } from '../crds/names.ts';
import type { Placement } from '../crds/types.generated.ts';
import type { AgentContext, Backend } from './agent-context.ts';
import { LABEL_RETAINED } from './model/resolve.ts';
import { forgetMoved, isLeft, noteMoved } from './moved-volumes.ts';

/** What a placement is known by on the engine. */
const identity = (placement: string | undefined, workspaceUid: string | undefined) =>
  `${placement ?? ''}\n${workspaceUid ?? ''}`;

/**
 * Removes what carries this node's label and no Placement asks for: what is left of a forced delete, or of a node that
 * came back. Only to be called when the cache is in sync with the server; each one is asked for once more before it
 * goes, and so is nothing removed for a cache that lags. Volumes that are to be kept stay.
 */
export async function removeOrphans(
  context: AgentContext,
  placements: Lister<Placement>,
  signal: AbortSignal,
): Promise<void> {
  const known = new Set(
    placements
      .list({ namespace: context.namespace })
      .map(({ metadata, spec }) => identity(metadata.name, spec.workspace.uid)),
  );
  await noteMoved(context, (name, uid) => known.has(identity(name, uid)));
  for (const backend of context.backends.values()) {
    if (signal.aborted) return;
    try {
      await sweep(context, backend, known);
    } catch (error) {
      context.log.warn(
        { err: error, driver: backend.name },
        'orphans could not be looked for; it is tried again',
      );
    }
  }
}

async function sweep(
  context: AgentContext,
  { view, name: driver }: Backend,
  known: Set<string>,
): Promise<void> {
  const { instances, volumes } = await view.read();
  const isOrphan = (labels: Record<string, string>) =>
    !known.has(identity(labels[LABEL_PLACEMENT], labels[LABEL_WORKSPACE_UID]));
  const left = instances.filter(({ labels }) => isOrphan(labels));
  const kept = new Set(context.checkpoint.data.keptVolumes);
  const leftVolumes = volumes.filter(
    ({ name, labels }) =>
      isOrphan(labels) && labels[LABEL_RETAINED] !== 'true' && !kept.has(name) && !isLeft(context, labels),
  );
  for (const { id, name, labels } of left) {
    if (await isAskedFor(context, labels)) continue;
    view.invalidate();
    await view.driver.remove(id);
    view.invalidate();
    context.metrics.orphan('instance');
    tell(context, labels, `removed the container ${name} (${driver}), which no placement asks for`);
  }
  for (const { name, labels } of leftVolumes) {
    if (await isAskedFor(context, labels)) continue;
    view.invalidate();
    await view.driver.removeVolume(name);
    view.invalidate();
    context.metrics.orphan('volume');
    tell(context, labels, `removed the volume ${name} (${driver}), which no placement asks for`);
    await forgetMoved(context, labels);
  }
}

async function isAskedFor(
  { client, namespace }: AgentContext,
  labels: Record<string, string>,
): Promise<boolean> {
  const name = labels[LABEL_PLACEMENT];
  if (!name) return false;
  try {
    const found = await client.get(PLACEMENT, { namespace, name });
    return found.spec.workspace.uid === labels[LABEL_WORKSPACE_UID];
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false;
    throw error;
  }
}

/**
 * Volumes that were there before this agent kept a record, or under another server: nobody knows whether they are to be
 * kept, so they are.
 */
export async function keepStrangeVolumes(
  context: AgentContext,
  placements: Lister<Placement>,
  serverUid: string | undefined,
): Promise<void> {
  const { checkpoint, log } = context;
  const server = serverUid ?? '';
  if (checkpoint.data.server === server) return;
  const known = new Set(
    placements
      .list({ namespace: context.namespace })
      .map(({ metadata, spec }) => identity(metadata.name, spec.workspace.uid)),
  );
  for (const { view } of context.backends.values())
    for (const { name, labels } of (await view.read()).volumes) {
      if (known.has(identity(labels[LABEL_PLACEMENT], labels[LABEL_WORKSPACE_UID]))) continue;
      log.warn({ volume: name }, 'a volume of an installation that is not known is kept; remove it by hand');
      await checkpoint.keepVolume(name);
    }
  // Last: broken off before, it begins anew.
  await checkpoint.setServer(server);
}

/** On the placement that it was of, in the node's own namespace, where an agent may tell. */
function tell(
  { events, log, namespace }: AgentContext,
  labels: Record<string, string>,
  message: string,
): void {
  log.warn({}, message);
  const of = {
    apiVersion: apiVersionOf(PLACEMENT),
    kind: PLACEMENT.kind,
    metadata: { name: labels[LABEL_PLACEMENT] ?? 'unknown', namespace },
  };
  events.event(of, 'Warning', 'OrphanRemoved', message);
}
