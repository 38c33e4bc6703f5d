import type { Clock, Milliseconds } from '../../controller/kit/clock.ts';
import type { Workspace } from '../../crds/types.generated.ts';

/** What somebody who waits has come to wait for no longer. */
export interface StoodTimer {
  /** To be shown each state of a workspace in turn. */
  see: (workspace: Workspace) => void;
  stop: () => void;
}

/** Calls `onStood` once `holds` has been true of every state for `ms`. */
export function stoodTimer(
  clock: Clock,
  ms: Milliseconds,
  holds: (workspace: Workspace) => boolean,
  onStood: () => void,
): StoodTimer {
  let cancel: (() => void) | undefined;
  const stop = () => {
    cancel?.();
    cancel = undefined;
  };
  const see = (workspace: Workspace) => {
    if (holds(workspace)) cancel ??= clock.after(ms, onStood);
    else stop();
  };
  return { see, stop };
}
