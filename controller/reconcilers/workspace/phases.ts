import type { WorkspaceStatus } from '../../../crds/types.generated.ts';

export type Phase = NonNullable<WorkspaceStatus['phase']>;

/** Where each phase may go in one step. `New` is a workspace without a status. No other step is ever written. */
export const TRANSITIONS: Readonly<Record<Phase | 'New', readonly Phase[]>> = {
  New: ['Pending', 'Creating', 'Stopped', 'Failed', 'Deleting'],
  Pending: ['Creating', 'Stopped', 'Failed', 'Unknown', 'Deleting'],
  Creating: ['Pending', 'Running', 'Degraded', 'Stopping', 'Failed', 'Unknown', 'Deleting'],
  Running: ['Creating', 'Degraded', 'Stopping', 'Unknown', 'Deleting'],
  Degraded: ['Creating', 'Running', 'Stopping', 'Unknown', 'Deleting'],
  Stopping: ['Creating', 'Stopped', 'Failed', 'Unknown', 'Deleting'],
  Stopped: ['Pending', 'Creating', 'Failed', 'Unknown', 'Deleting'],
  Failed: ['Pending', 'Creating', 'Stopping', 'Stopped', 'Unknown', 'Deleting'],
  Unknown: ['Pending', 'Creating', 'Running', 'Degraded', 'Stopping', 'Stopped', 'Failed', 'Deleting'],
  Deleting: [],
};

/** Whether `to` may be written over `from`. Staying is always legal. */
export function isLegal(from: Phase | undefined, to: Phase): boolean {
  return from === to || TRANSITIONS[from ?? 'New'].includes(to);
}

/**
 * The phase to write now so that `target` is reached by legal steps alone: `target` itself where that is legal, else
 * the first phase of the shortest way (never by way of Deleting or Unknown, which would claim what was not observed).
 * Where there is no way, the phase stays.
 */
export function nextPhase(from: Phase | undefined, target: Phase): Phase {
  if (from === target || isLegal(from, target)) return target;
  const reached = new Map<Phase, Phase>();
  const queue: Phase[] = [];
  const visit = (phase: Phase, first: Phase) => {
    if (phase === 'Deleting' || phase === 'Unknown' || reached.has(phase)) return;
    reached.set(phase, first);
    queue.push(phase);
  };
  for (const phase of TRANSITIONS[from ?? 'New']) visit(phase, phase);
  for (let phase = queue.shift(); phase; phase = queue.shift()) {
    const first = reached.get(phase) ?? phase;
    if (TRANSITIONS[phase].includes(target)) return first;
    for (const next of TRANSITIONS[phase]) visit(next, first);
  }
  return from ?? 'Pending';
}
