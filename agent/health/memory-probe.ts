import type { Guest } from '../guest/guest.ts';
import type { Probe } from './probe.ts';

/** Checks of in-memory instances: those over the network become a command that simulated insides may answer. */
export function createMemoryProbe(guest: Pick<Guest, 'check'>): Probe {
  return async (instanceId, { http, tcp, exec, timeoutMs }) => {
    const port = String(http?.port ?? tcp?.port);
    const command =
      exec?.command ?? (http ? ['nexus-probe', 'http', port, http.path] : ['nexus-probe', 'tcp', port]);
    try {
      return await guest.check(instanceId, { command }, timeoutMs);
    } catch (error) {
      return { ok: false, message: (error as Error).message };
    }
  };
}
