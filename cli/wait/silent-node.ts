import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import { type StoodTimer, stoodTimer } from './stood-timer.ts';

/** A node is taken to be silent after a while only; one that is so is waited for this much longer. */
const SILENT_MS: Milliseconds = 10_000;

/** The node of a workspace that waits for it, as nobody hears of it; undefined: it is heard, or another may take over. */
export function silentNode({ spec, status }: Workspace): string | undefined {
  if (status?.phase !== 'Unknown') return undefined;
  if (spec.onNodeLoss === 'Reschedule' && spec.running !== false) return undefined;
  const isSilent = status.conditions?.some(({ reason }) => reason === 'NodeUnreachable');
  return isSilent ? status.nodeName : undefined;
}

/** Calls `onSilent` when the node of a workspace has not been heard for long enough. */
export const silenceTimer = (clock: Clock, onSilent: () => void): StoodTimer =>
  stoodTimer(clock, SILENT_MS, workspace => silentNode(workspace) !== undefined, onSilent);
