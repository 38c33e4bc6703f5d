/** A machine with the in-memory engine: `node memory-machine.ts HOME NAME ADDRESS`; told over IPC what happens to it. */
import { createMemoryDriver } from '../../../agent/drivers/memory/memory-driver.ts';
import { MemoryEngine } from '../../../agent/drivers/memory/memory-engine.ts';
import { createMemoryGuest } from '../../../agent/guest/memory-guest.ts';
import { runAgent } from '../../../agent/main.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { LABEL_WORKSPACE_UID } from '../../../crds/names.ts';

export interface MachineState {
  instances: { id: string; uid: string; isRunning: boolean }[];
  volumes: { name: string; uid: string }[];
}

export type MachineTold =
  | { type: 'started' | 'ended'; uid: string; id: string; at: number }
  | { type: 'answer'; state: MachineState };

const [home = '', node = '', address = ''] = process.argv.slice(2);
const engine = new MemoryEngine();
const uidOf = (labels: Record<string, string>) => labels[LABEL_WORKSPACE_UID] ?? '';
const tell = (told: MachineTold) => process.send?.(told);
engine.onChange((instance, event) => {
  const told = { uid: uidOf(instance.spec.labels), id: instance.id, at: Date.now() };
  if (event === 'started') tell({ type: 'started', ...told });
  if (event === 'died') tell({ type: 'ended', ...told });
});

let abort = new AbortController();
let ended: Promise<unknown> = Promise.resolve();

const verbs: Record<string, () => Promise<unknown> | unknown> = {
  look: () => {},
  start() {
    abort = new AbortController();
    const driver = createMemoryDriver({ node, engine });
    const guest = createMemoryGuest({ driver, clock: systemClock });
    const options = { home, address, drivers: [{ driver, guest }], logLevel: 'info' };
    // As the options that were given when it joined; see chaos-node.ts.
    ended = runAgent({ ...options, heartbeat: 1_000, fenceTime: 10_000, resync: 10_000 }, abort.signal);
  },
  async stop() {
    abort.abort();
    await ended;
  },
  'power off': () => {
    for (const { id, state } of engine.instances.values())
      if (state === 'Running') {
        wasOn.add(id);
        engine.kill(id);
      }
  },
  'power on': () => {
    for (const id of wasOn) {
      const instance = engine.find(id);
      if (instance?.autoStart) engine.boot(instance, Date.now());
    }
    wasOn.clear();
  },
};
const wasOn = new Set<string>();

process.on('message', async (verb: string) => {
  await verbs[verb]?.();
  if (verb === 'start') return;
  tell({
    type: 'answer',
    state: {
      instances: [...engine.instances.values()].map(({ id, spec, state }) => ({
        id,
        uid: uidOf(spec.labels),
        isRunning: state === 'Running',
      })),
      volumes: [...engine.volumes.values()].map(({ name, labels }) => ({ name, uid: uidOf(labels) })),
    },
  });
});
process.once('disconnect', () => process.exit(0));
