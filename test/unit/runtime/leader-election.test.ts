import t from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import { aborted } from '../../../controller/kit/abort.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { createLeaderElector } from '../../../controller/runtime/leader-election.ts';
import { createManager } from '../../../controller/runtime/manager.ts';
import type { Lease } from '../../../crds/object.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { TinyApi } from '../../support/tiny-api.ts';

const path = '/apis/coordination.k8s.io/v1/namespaces/nexus-system/leases/nexus';

function setup() {
  const api = new TinyApi();
  const clock = new FakeClock();
  const leading: string[] = [];
  const process = (identity: string) => {
    const elector = createLeaderElector({
      client: createClient({ transport: api, clock }),
      namespace: 'nexus-system',
      name: 'nexus',
      identity,
      clock,
      log: silentLogger,
      random: () => 0.5,
    });
    const stop = new AbortController();
    const lead = async (signal: AbortSignal) => {
      leading.push(identity);
      await aborted(signal);
      leading.splice(leading.indexOf(identity), 1);
    };
    const run = () => elector.run(stop.signal, lead);
    return { elector, stop, run };
  };
  const lease = () => (api.get(path) as Lease | undefined)?.spec;
  return { api, clock, leading, process, lease };
}

t.test('the first becomes leader, the second waits, and takes over at once after a clean stop', async t => {
  const { clock, leading, process, lease } = setup();
  const [a, b] = [process('a'), process('b')];
  const [runA, runB] = [a.run(), b.run()];
  await settle();
  t.same(leading, ['a']);
  t.ok(a.elector.leading);
  t.match(lease(), { holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
  await clock.advance(120_000);
  t.same(leading, ['a'], 'it renews for as long as it runs');
  t.equal(lease()?.leaseTransitions, 0);
  a.stop.abort();
  await runA;
  t.equal(lease()?.holderIdentity, '');
  t.notOk(a.elector.leading);
  await clock.advance(3000);
  t.same(leading, ['b']);
  t.match(lease(), { holderIdentity: 'b', leaseTransitions: 1 });
  b.stop.abort();
  await runB;
});

t.test('a leader that died without a word is followed when its lease has run out', async t => {
  const { api, clock, leading, process } = setup();
  api.put(path, {
    spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: '2020-01-01T00:00:00.000000Z' },
  } as object);
  const b = process('b');
  const run = b.run();
  await clock.advance(14_000);
  t.same(leading, [], 'what counts is when we saw it change, not the clock of another machine');
  await clock.advance(4000);
  t.same(leading, ['b']);
  b.stop.abort();
  await run;
});

t.test('a leader that cannot renew gives up before others may take over', async t => {
  const { api, clock, leading, process } = setup();
  const a = process('a');
  const run = a.run();
  await clock.advance(5000);
  api.fault = () => new ApiError('Unreachable', 'away');
  const lost = t.rejects(run, { name: 'LeadershipLost' });
  await clock.advance(14_900);
  t.same(leading, []);
  await lost;
});

t.test('a server that hangs does not keep a leader in office', async t => {
  const { api, clock, leading, process } = setup();
  const a = process('a');
  const lost = t.rejects(a.run(), { name: 'LeadershipLost' });
  await clock.advance(5000);
  api.fault = () => new Promise(() => {});
  await clock.advance(30_000);
  t.same(leading, []);
  await lost;
});

t.test('a leader that finds another in its place steps down', async t => {
  const { api, clock, leading, process } = setup();
  const a = process('a');
  const lost = t.rejects(a.run(), { name: 'LeadershipLost' });
  await settle();
  api.put(path, { spec: { holderIdentity: 'thief', leaseDurationSeconds: 15 } } as object);
  await clock.advance(3000);
  t.same(leading, []);
  await lost;
  t.equal((api.get(path) as Lease).spec?.holderIdentity, 'thief', 'and leaves the lease to it');
});

t.test('an error of what the leader runs ends it and releases the lease', async t => {
  const { process, lease } = setup();
  const a = process('a');
  await t.rejects(
    a.elector.run(a.stop.signal, async () => {
      throw new Error('broken');
    }),
    { message: 'broken' },
  );
  t.equal(lease()?.holderIdentity, '');
});

t.test('stopped while it waits, it never leads; stopped while the server is away, it still ends', async t => {
  const { api, clock, leading, process } = setup();
  api.put(path, { spec: { holderIdentity: 'other', leaseDurationSeconds: 3600 } } as object);
  const b = process('b');
  const run = b.run();
  await clock.advance(10_000);
  b.stop.abort();
  await run;
  api.remove(path);
  const c = process('c');
  const runC = c.run();
  await settle();
  t.same(leading, ['c']);
  api.fault = () => new Promise(() => {});
  c.stop.abort();
  await clock.advance(11_000);
  await runC;
  t.same(leading, []);
});

t.test('periods that cannot work are refused', async t => {
  const { api, clock } = setup();
  t.throws(
    () =>
      createLeaderElector({
        client: createClient({ transport: api }),
        namespace: 'x',
        name: 'y',
        identity: 'z',
        clock,
        log: silentLogger,
        leaseDurationMs: 5000,
      }),
    RangeError,
  );
});

t.test('a manager runs its leading parts only while it leads, and the others always', async t => {
  const { api, clock, process } = setup();
  const told: string[] = [];
  const part = (name: string) => ({
    name,
    async run(signal: AbortSignal) {
      told.push(`+${name}`);
      await aborted(signal);
      told.push(`-${name}`);
    },
  });
  api.put(path, { spec: { holderIdentity: 'other', leaseDurationSeconds: 15 } } as object);
  const manager = createManager({ clock, log: silentLogger, leaderElection: process('me').elector });
  manager.add(part('metrics'));
  manager.addLeading(part('informers'));
  manager.addLeading(part('controllers'));
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  await clock.advance(10_000);
  t.same(told, ['+metrics']);
  await clock.advance(10_000);
  t.same(told, ['+metrics', '+informers', '+controllers']);
  told.length = 0;
  const lost = t.rejects(running, { name: 'LeadershipLost' });
  api.put(path, { spec: { holderIdentity: 'thief', leaseDurationSeconds: 15 } } as object);
  await clock.advance(5000);
  await lost;
  t.same(told, ['-controllers', '-informers', '-metrics']);
});
