import type { Workspace, WorkspaceSpec } from '../../../crds/types.generated.ts';
import type { ObjectKey } from '../../client/client.ts';
import { formatKey } from '../../kit/paths.ts';
import { describeUnfit } from './decide-placement.ts';
import { requestedAmounts, wantedForwards } from './requests.ts';
import { type Candidate, schedule } from './schedule.ts';

interface Waiting {
  key: ObjectKey;
  spec: WorkspaceSpec;
  /** Workspaces of one shape fit the same nodes. Absent for one that is placed: it waits for its own node. */
  shape?: string;
  /** What its status says. */
  message: string;
}

/**
 * Workspaces that wait for a node, a port or room. However many they are, a change of a node costs one look for each shape
 * among them, and only those are looked at again for whom something changed.
 */
export class WaitingRoom {
  /** Whoever was looked at and still waits is the last again. */
  readonly #waiting = new Map<string, Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  enter(workspace: Workspace, { message, isPlaced }: { message: string; isPlaced: boolean }): void {
    const { spec, metadata } = workspace;
    const key = { name: metadata.name, namespace: metadata.namespace };
    this.leave(key);
    this.#waiting.set(formatKey(key), { key, spec, message, ...(!isPlaced && { shape: shapeOf(spec) }) });
  }

  leave(key: ObjectKey): void {
    this.#waiting.delete(formatKey(key));
  }

  /** Those that would be told something else now; first those for whom there is a node. */
  due(candidates: readonly Candidate[]): ObjectKey[] {
    /** By shape; undefined: a node fits. */
    const answers = new Map<string, string | undefined>();
    const fitting: ObjectKey[] = [];
    const others: ObjectKey[] = [];
    for (const { key, spec, shape, message } of this.#waiting.values()) {
      if (shape === undefined) {
        fitting.push(key);
        continue;
      }
      if (!answers.has(shape)) {
        const scheduled = schedule(spec, candidates);
        answers.set(shape, 'message' in scheduled ? describeUnfit(scheduled).message : undefined);
      }
      const answer = answers.get(shape);
      if (answer === undefined) fitting.push(key);
      else if (answer !== message) others.push(key);
    }
    return [...fitting, ...others];
  }
}

/** Everything that decides whether a node fits. */
function shapeOf(spec: WorkspaceSpec): string {
  const { driver, nodeSelector, tolerations } = spec;
  return JSON.stringify([
    driver,
    nodeSelector,
    tolerations,
    requestedAmounts(spec),
    wantedForwards(spec).length,
  ]);
}
