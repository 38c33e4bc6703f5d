import type { Node } from '../../../crds/types.generated.ts';
import type { Milliseconds } from '../../kit/clock.ts';
import type { NewCondition } from '../../runtime/conditions.ts';
import type { Heartbeat } from './heartbeats.ts';

/** The node's condition Ready, and in how many milliseconds it must be judged again if nothing is heard. */
export function judgeNode(
  node: Node,
  heartbeat: Heartbeat | undefined,
  { uptimeMs, graceMs }: { uptimeMs: Milliseconds; graceMs: Milliseconds },
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
  const leftMs = heartbeat.seenAt + graceMs - uptimeMs;
  if (leftMs <= 0)
    return {
      ready: says(
        'Unknown',
        'LeaseExpired',
        `The agent was not heard for ${graceMs / 1000} s. Start it again on that machine; its workspaces stay, but for those that may be moved.`,
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
