import type { Client } from '../../controller/client/client.ts';
import type { Logger } from '../../controller/kit/log.ts';
import { PLACEMENT } from '../../crds/kinds.ts';
import { LABEL_PLACEMENT, LABEL_WORKSPACE_UID } from '../../crds/names.ts';
import type { Placement } from '../../crds/types.generated.ts';
import type { Backend } from '../agent-context.ts';
import type { DriverName } from '../driver.ts';
import type { Fence } from './fence.ts';

const STOP_TIMEOUT_SECONDS = 10;

export interface OpenFenceOptions {
  client: Client;
  namespace: string;
  backends: ReadonlyMap<DriverName, Backend>;
  fence: Fence;
  log: Logger;
}

/**
 * To be called after a heartbeat was acknowledged: asks the server, not a cache, what is placed here; stops what runs and
 * is not; and opens the fence for the rest. Throws when the server does not answer, or something could not be stopped.
 */
export async function openFence(options: OpenFenceOptions, signal: AbortSignal): Promise<void> {
  const { client, namespace, backends, fence } = options;
  const { items } = await client.list(PLACEMENT, { namespace, signal });
  const placed = new Set(items.map(({ metadata, spec }) => identity(metadata.name, spec.workspace.uid)));
  await Promise.all([...backends.values()].map(backend => stopStrangers(options, backend, placed)));
  fence.open(items.filter(mayRun).map(({ metadata }) => metadata.uid ?? ''));
}

/** Whether the placement, as the server has it, asks for the workspace to run. */
export function mayRun({ metadata, spec }: Placement): boolean {
  return spec.running && metadata.deletionTimestamp === undefined;
}

/** They are removed later, by who looks for orphans; until then they must not run beside their successors. */
async function stopStrangers(
  { log }: OpenFenceOptions,
  { view }: Backend,
  placed: Set<string>,
): Promise<void> {
  // An engine that does not answer: what is on it is looked at when it is back.
  const snapshot = await view.read().catch(() => undefined);
  const strangers = (snapshot?.instances ?? []).filter(
    ({ state, labels }) =>
      state === 'Running' && !placed.has(identity(labels[LABEL_PLACEMENT], labels[LABEL_WORKSPACE_UID])),
  );
  await Promise.all(
    strangers.map(async ({ id, name }) => {
      log.warn({ instance: name }, 'it is not placed here any more and is stopped');
      view.invalidate();
      await view.driver.stop(id, STOP_TIMEOUT_SECONDS).finally(() => view.invalidate());
    }),
  );
}

const identity = (placement: string | undefined, workspaceUid: string | undefined) =>
  `${placement ?? ''}\n${workspaceUid ?? ''}`;
