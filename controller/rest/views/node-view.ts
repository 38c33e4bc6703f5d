import { DEFAULT_SSH_PORTS } from '../../../crds/names.ts';
import type { Node } from '../../../crds/types.generated.ts';

export const NODE_STATUSES = ['ready', 'not_ready', 'unknown', 'draining'] as const;
export type RestNodeStatus = (typeof NODE_STATUSES)[number];

export function nodeStatus({ spec, status }: Node): RestNodeStatus {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  if (ready === 'True') return spec?.unschedulable ? 'draining' : 'ready';
  return ready === 'False' ? 'not_ready' : 'unknown';
}

export function nodeView(node: Node, heartbeat: string | undefined) {
  const { metadata, spec, status } = node;
  const drivers = (status?.drivers ?? []).filter(({ ready }) => ready).map(({ name }) => name);
  const transitions = (status?.conditions ?? []).map(({ lastTransitionTime }) => lastTransitionTime);
  return {
    id: metadata.name,
    name: metadata.name,
    provider: drivers[0] ?? null,
    status: nodeStatus(node),
    address: spec?.address ?? status?.address ?? null,
    port: (spec?.ports?.ssh ?? DEFAULT_SSH_PORTS).from,
    labels: metadata.labels ?? {},
    capabilities: drivers,
    last_seen: heartbeat ?? null,
    created_at: metadata.creationTimestamp ?? '',
    updated_at: [metadata.creationTimestamp ?? '', ...transitions].sort().at(-1) ?? '',
  };
}
