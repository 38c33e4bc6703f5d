import type { Milliseconds } from '../../controller/kit/clock.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import { EXIT, type ExitCode } from '../errors.ts';
import { nextSteps } from '../workspace/next-steps.ts';
import { needsChange } from './needs-change.ts';
import { silentNode } from './silent-node.ts';

/** How the wait for a workspace ended. */
export type End =
  | 'Ready'
  | 'Deleted'
  /** Only somebody's change makes it ready. */
  | 'NeedsChange'
  /** Something in it failed again and again. */
  | 'Degraded'
  /** Its node is not heard. */
  | 'Silent'
  /** The time was over. */
  | 'Late';

export interface Outcome {
  exitCode: ExitCode;
  /** Absent when it is ready. */
  error?: string;
  next?: string;
}

/** What is said of a workspace that was waited for, and with which exit code. `last`: as it was last seen. Pure. */
export function outcomeOf(
  name: string,
  end: End,
  last: Workspace | undefined,
  timeoutMs: Milliseconds,
): Outcome {
  const message = last?.status?.message;
  switch (end) {
    case 'Ready':
      return { exitCode: EXIT.done };
    case 'Deleted':
      return { exitCode: EXIT.failed, error: `${name} was deleted` };
    case 'NeedsChange':
      return {
        exitCode: EXIT.failed,
        error: `${name} cannot become ready: ${(last && needsChange(last)?.message) ?? ''}`,
        next: last && nextSteps(last)[0],
      };
    case 'Degraded':
      return {
        exitCode: EXIT.failed,
        error: `${name} is not ready, and goes on being tried: ${message ?? ''}`,
        next: last && nextSteps(last)[0],
      };
    case 'Silent': {
      const what = last?.spec.running === false ? 'is stopped' : 'becomes as declared';
      const node = last && silentNode(last);
      return {
        exitCode: EXIT.timeout,
        error: `node ${node} is silent: ${name} ${what} once its agent is heard again, and is not waited for`,
        next: `nexus node describe ${node}`,
      };
    }
    case 'Late': {
      const time = `${Number((timeoutMs / 1000).toFixed(1))} s`;
      return {
        exitCode: EXIT.timeout,
        error: `${name} is not ready within ${time}${message ? `: ${message}` : ''}`,
        next: `nexus describe ws ${name}`,
      };
    }
  }
}
