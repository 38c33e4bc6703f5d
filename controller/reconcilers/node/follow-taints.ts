import type { Node, NodeStatus } from '../../../crds/types.generated.ts';
import { type Milliseconds, timestamp } from '../../kit/clock.ts';
import { noExecuteTaints, type Taint } from '../workspace/no-execute.ts';

/** What is known of a node's NoExecute taints. */
export interface TaintTimes {
  /** Of those without a time of their own, for the node's status. */
  taintedSince: NonNullable<NodeStatus['taintedSince']>;
  /** Since when a taint is there, in milliseconds since the epoch. */
  sinceMs(taint: Taint): Milliseconds;
}

/**
 * Since when taints are there: what they say themselves, else when they were first seen, by this controller or, as the
 * node's status tells, by one before it. A taint that went and came counts anew.
 */
export function followTaints(): (node: Node, nowMs: Milliseconds) => TaintTimes {
  /** By node and taint: what is in the status may be older than what was just seen. */
  const seen = new Map<string, Map<string, Milliseconds>>();
  return (node, nowMs) => {
    const { name } = node.metadata;
    const told = new Map((node.status?.taintedSince ?? []).map(one => [idOf(one), Date.parse(one.since)]));
    const known = seen.get(name) ?? told;
    const untimed = noExecuteTaints(node).filter(({ timeAdded }) => !timeAdded);
    const now = new Map(untimed.map(taint => [idOf(taint), known.get(idOf(taint)) ?? nowMs]));
    if (now.size > 0) seen.set(name, now);
    else seen.delete(name);
    return {
      taintedSince: untimed.map(taint => ({
        key: taint.key,
        ...(taint.value !== undefined && { value: taint.value }),
        since: timestamp(now.get(idOf(taint)) ?? nowMs),
      })),
      sinceMs: taint => Date.parse(taint.timeAdded ?? '') || (now.get(idOf(taint)) ?? nowMs),
    };
  };
}

const idOf = ({ key, value = '' }: { key: string; value?: string }) => `${key}=${value}`;
