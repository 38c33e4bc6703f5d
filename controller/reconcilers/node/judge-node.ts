import type { Lease } from '../../../crds/object.ts';
import type { Node } from '../../../crds/types.generated.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import { getCondition, type NewCondition } from '../../runtime/conditions.ts';

/** The last renewal of a lease and when this process saw it, by its own clock: the clocks of nodes need not agree. */
export interface Heartbeat {
  renewTime: string;
  seenAt: Milliseconds;
}

/**
 * When a lease was last renewed, as this process knows it. At first sight an old renewal of a node that is Ready is
 * taken for news, so that a controller that was away (and could not be renewed to) does not declare every node lost.
 */
export function hearLease(
  before: Heartbeat | undefined,
  lease: Lease | undefined,
  node: Node,
  { nowMs, graceMs }: { nowMs: Milliseconds; graceMs: Milliseconds },
): Heartbeat | undefined {
  const renewTime = lease?.spec?.renewTime;
  if (renewTime === undefined) return undefined;
  if (before?.renewTime === renewTime) return before;
  if (before) return { renewTime, seenAt: nowMs };
  const renewedAt = Date.parse(renewTime);
  if (nowMs - renewedAt < graceMs) return { renewTime, seenAt: Math.min(renewedAt, nowMs) };
  const wasReady = getCondition(node.status?.conditions, 'Ready')?.status === 'True';
  return { renewTime, seenAt: wasReady ? nowMs : renewedAt };
}

/** The node's condition Ready, and in how many milliseconds it must be judged again if nothing is heard. */
export function judgeNode(
  node: Node,
  heartbeat: Heartbeat | undefined,
  { nowMs, graceMs }: { nowMs: Milliseconds; graceMs: Milliseconds },
): { ready: NewCondition; againMs?: Milliseconds } {
  const type = 'Ready';
  const observedGeneration = node.metadata.generation;
  const says = (status: NewCondition['status'], reason: string, message: string): NewCondition => ({
    type,
    status,
    reason,
    message,
    ...(observedGeneration !== undefined && { observedGeneration }),
  });
  const drivers = node.status?.drivers;
  if (!heartbeat || !drivers)
    return {
      ready: says(
        'Unknown',
        'NeverHeard',
        'The agent has not reported yet. Start it on that machine with "nexus agent".',
      ),
    };
  const leftMs = heartbeat.seenAt + graceMs - nowMs;
  if (leftMs <= 0)
    return {
      ready: says(
        'Unknown',
        'LeaseExpired',
        `The agent was not heard for ${graceMs / 1000} s. Its workspaces were not touched; start it again on that machine.`,
      ),
    };
  const working = drivers.filter(driver => driver.ready);
  if (working.length > 0)
    return {
      ready: says(
        'True',
        'AgentReady',
        `The agent is heard; drivers: ${working.map(d => d.name).join(', ')}.`,
      ),
      againMs: leftMs,
    };
  const why = drivers.map(({ name, message }) => (message ? `${name}: ${message}` : name)).join('; ');
  return {
    ready: says(
      'False',
      'DriverUnavailable',
      `The agent is heard, but no engine answers${why ? ` (${why})` : ''}. Start a container engine on that machine.`,
    ),
    againMs: leftMs,
  };
}
