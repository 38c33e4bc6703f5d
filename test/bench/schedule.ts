import { systemClock } from '../../controller/kit/clock.ts';
import { decidePlacement } from '../../controller/reconcilers/workspace/decide-placement.ts';
import { NodeLedger } from '../../controller/reconcilers/workspace/node-ledger.ts';
import { WaitingRoom } from '../../controller/reconcilers/workspace/waiting-room.ts';
import { makeNode, makePlacement, makeWorkspace } from '../support/fixtures.ts';
import { median, report } from './report.ts';

const NODES = 50;
const WORKSPACES = 10_000;

/** `schedule`: choosing nodes and ports for 10,000 workspaces on 50 nodes, and waking as many that wait. In memory alone. */
export async function run(): Promise<void> {
  const ledger = new NodeLedger(systemClock);
  const ports = { ssh: { from: 2222, to: 2600 }, services: { from: 23_000, to: 30_000 } };
  for (let i = 0; i < NODES; i++) {
    const allocatable = { cpu: '128', memory: '512Gi', disk: '10Ti' };
    ledger.setNode(`n${i}`, makeNode(`n${i}`, { allocatable, spec: { ports }, images: ['debian:12'] }));
  }
  const spec = {
    resources: { cpu: '500m', memory: '1Gi' },
    services: [{ name: 'w', command: 'w', port: 80 }],
  };
  const thousands: number[] = [];
  let began = performance.now();
  for (let i = 0; i < WORKSPACES; i++) {
    const metadata = { namespace: `user-${i % 500}` };
    const decision = decidePlacement(
      makeWorkspace(`w${i}`, spec, metadata),
      undefined,
      ledger,
      () => 'debian:12',
    );
    if (!('nodeName' in decision)) throw new Error(decision.problem.message);
    const { nodeName, ssh: port, forwards } = decision;
    const placement = makePlacement(`w${i}`, nodeName, {
      workspace: { name: `w${i}`, ...metadata, uid: `u${i}`, generation: 1 },
      ssh: { user: 'dev', port },
      forwards,
    });
    ledger.assume(placement);
    ledger.confirm(placement);
    ledger.observe(undefined, placement);
    if (i % 1000 === 999) {
      thousands.push(performance.now() - began);
      began = performance.now();
    }
  }
  const room = new WaitingRoom();
  for (let i = 0; i < WORKSPACES; i++)
    room.enter(makeWorkspace(`x${i}`, { driver: 'lxc' }), { message: 'before', isPlaced: false });
  const wakes = Array.from({ length: 20 }, () => {
    const at = performance.now();
    room.due([...ledger.candidates()]);
    return performance.now() - at;
  });
  report(
    'schedule',
    [
      { name: 'a thousand placed', values: thousands },
      { name: 'ten thousand that wait, looked through', values: wakes },
    ],
    [
      {
        what: 'ms to place one, the last thousand',
        value: (thousands.at(-1) ?? 0) / 1000,
        bound: '<=',
        target: 0.5,
      },
      { what: 'ms to look through all that wait', value: median(wakes), bound: '<=', target: 50 },
    ],
  );
}
