import { GUEST_LOG_DIR } from '../../agent/guest/guest.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Mark } from '../output/style.ts';
import { printable } from '../output/style.ts';

/** A service as a person wants it told. `-o json` prints it as it is. */
export interface ServiceRow {
  name: string;
  /** Pending, Waiting, Starting, Running, Backoff, Stopped, Failed. */
  status: string;
  /** Healthy, Unhealthy, Unknown; absent: it has no health check. */
  health?: string;
  /** In the workspace. */
  port?: number;
  /** Where it answers on this machine; absent: nowhere without a forward. */
  localUrl?: string;
  restarts: number;
  isUp: boolean;
  /** Why it is not up. */
  why?: string;
  /** Its log, in the workspace. */
  logFile: string;
}

/** The declared services. `isHere`: the node's loopback is this machine's. Pure. */
export function serviceRows({ spec, status }: Workspace, isHere: boolean): ServiceRow[] {
  return (spec.services ?? []).map(({ name, port, exposure, healthCheck }) => {
    const seen = status?.services?.find(service => service.name === name);
    const state = seen?.state ?? 'Pending';
    const health = healthCheck ? (seen?.health ?? 'Unknown') : undefined;
    const isUp =
      state === 'Running' && health !== 'Unhealthy' && health !== 'Unknown' && status?.phase !== 'Unknown';
    const isOpen = isUp && (isHere || exposure === 'Node');
    const why = isUp ? undefined : whyDown({ spec, status }, { state, health, message: seen?.message });
    return {
      name,
      status: state,
      ...(health && { health }),
      ...(port !== undefined && { port }),
      // It is handed to the program that opens links, which opens files and starts programs too.
      ...(isOpen && /^https?:\/\/[^/]/.test(seen?.url ?? '') && { localUrl: seen?.url }),
      restarts: seen?.restarts ?? 0,
      isUp,
      ...(why && { why: printable(why) }),
      logFile: `${GUEST_LOG_DIR}/${name}.log`,
    };
  });
}

function whyDown(
  { spec, status }: Pick<Workspace, 'spec' | 'status'>,
  { state, health, message }: { state: string; health?: string; message?: string },
): string {
  if (message) return message;
  if (spec.running === false) return 'the workspace is stopped';
  if (status?.phase === 'Unknown') return status.message ?? 'its node is silent';
  if (state === 'Running') return `its health check has not passed yet (${health})`;
  if (state === 'Starting') return 'it is being started';
  return status?.message ?? 'the workspace is not that far yet';
}

const ON_ITS_WAY = ['Pending', 'Waiting', 'Starting', 'Running'];

export function serviceMark({ isUp, status, health }: ServiceRow, workspace: Workspace): Mark {
  if (isUp) return 'good';
  if (workspace.spec.running === false) return 'off';
  return ON_ITS_WAY.includes(status) && health !== 'Unhealthy' ? 'busy' : 'bad';
}
