import type { Guest } from '../guest/guest.ts';
import type { TunnelState } from '../model/observed.ts';
import type { Tunnel, TunnelFactory } from './tunnel.ts';

/** A tunnel into an in-memory instance: connected as soon as its simulated sshd runs. It carries no bytes. */
export function memoryTunnels(guest: Pick<Guest, 'state'>): TunnelFactory {
  return (target, onChange): Tunnel => {
    let state: TunnelState = { state: 'Connecting' };
    let stopped = false;
    const look = async () => {
      if (stopped || state.state === 'Connected') return;
      const inside = await guest.state(target.instanceId).catch(() => undefined);
      if (stopped || !inside?.sshd.running) return;
      state = { state: 'Connected' };
      onChange();
    };
    void look();
    return {
      get state() {
        return state;
      },
      kick: () => void look(),
      open: () => Promise.reject(new Error('in-memory instances have no network')),
      async stop() {
        stopped = true;
      },
    };
  };
}
