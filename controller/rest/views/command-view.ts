import { NODE_NAMESPACE_PREFIX } from '../../../crds/names.ts';
import type { NodeCommand } from '../../../crds/types.generated.ts';

export const COMMAND_NAMES = ['info', 'health', 'restart-agent', 'prune'] as const;
export const COMMAND_STATUSES = ['pending', 'running', 'succeeded', 'failed'] as const;

/** `<name>.<node>`: neither holds a dot. */
export function commandKey(id: string): { name: string; node: string } | undefined {
  const [, name, node] = /^([a-z0-9-]{1,63})\.([a-z0-9-]{1,50})$/.exec(id) ?? [];
  return name !== undefined && node !== undefined ? { name, node } : undefined;
}

export function isFinished({ status }: NodeCommand): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

export function commandView({ metadata, spec, status }: NodeCommand) {
  const node = (metadata.namespace ?? '').slice(NODE_NAMESPACE_PREFIX.length);
  return {
    id: `${metadata.name}.${node}`,
    node_id: node,
    command: spec.command,
    status: (status?.phase?.toLowerCase() ?? 'pending') as (typeof COMMAND_STATUSES)[number],
    output: status?.output ?? null,
    error: status?.error ?? null,
    duration_ms: status?.durationMs ?? null,
    created_at: metadata.creationTimestamp ?? '',
    finished_at: status?.finishedAt ?? null,
  };
}
