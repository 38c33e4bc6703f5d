import t from 'tap';
import { agentSettings } from '../../../agent/agent-settings.ts';
import { type Candidate, detectDrivers } from '../../../agent/detect-drivers.ts';
import { type Driver, DriverError, type DriverInfo } from '../../../agent/driver.ts';
import { createMemoryDriver } from '../../../agent/drivers/memory/memory-driver.ts';
import { createNodeReporter } from '../../../agent/node/node-reporter.ts';
import { nodeStatus } from '../../../agent/node/node-status.ts';
import { createClient } from '../../../controller/client/create-client.ts';
import { jsonEqual } from '../../../controller/kit/json.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { TinyApi } from '../../support/tiny-api.ts';

t.test('an engine that comes back while the node is being reported is reported at once', async t => {
  const clock = new FakeClock();
  const api = new TinyApi();
  api.put('/apis/nexus.dev/v1alpha1/nodes/n1', { apiVersion: 'nexus.dev/v1alpha1', kind: 'Node' });
  const driver = createMemoryDriver({ node: 'n1', clock });
  const reporter = createNodeReporter({
    client: createClient({ transport: api }),
    nodeName: 'n1',
    namespace: 'nexus-node-n1',
    address: '127.0.0.1',
    drivers: new Map([['memory', driver]]),
    reserve: { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 },
    clock,
    log: silentLogger,
    random: () => 0.5,
  });
  const told: boolean[] = [];
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  api.fault = ({ method, path, body }) => {
    if (method !== 'PATCH' || !path.includes('/status')) return undefined;
    told.push(JSON.parse(String(body)).status.drivers[0].ready);
    return told.length === 1 ? held : undefined;
  };
  driver.engine.goDown();
  const abort = new AbortController();
  const running = reporter.run(abort.signal);
  await settle(20);
  t.same(told, [false]);
  driver.engine.comeUp();
  reporter.wake();
  release();
  await settle(20);
  t.same(told, [false, true], 'without waiting for the next regular report');
  abort.abort();
  await running;
});

const GIB = 2 ** 30;
const info: DriverInfo = {
  version: 'Docker 20',
  capacity: { cpuMillis: 2000, memoryBytes: 8 * GIB + 12_345, diskBytes: 100 * GIB },
  isolation: { enforced: true, message: '' },
  directNetwork: true,
};
const report = {
  address: 'n1',
  drivers: [{ name: 'docker' as const, info }],
  reserve: { cpuMillis: 500, memoryBytes: GIB, diskBytes: 200 * GIB },
  versions: { agent: '1' },
};

t.test('a node says what it has and what may be given out, in quantities', async t => {
  const status = nodeStatus(report, [], 0);
  t.same(status.capacity, { cpu: '2', memory: '8Gi', disk: '100Gi' });
  t.same(status.allocatable, { cpu: '1500m', memory: '7Gi', disk: '0' }, 'never less than nothing');
  t.same(status.drivers, [{ name: 'docker', ready: true, version: 'Docker 20' }]);
});

t.test('the same report is the same status, whenever it is made', async t => {
  const first = nodeStatus(report, [], 0);
  t.ok(jsonEqual(nodeStatus(report, first.conditions as [], 60_000), first));
});

t.test('images are told by name, at most 50, and a driver that tells none says nothing', async t => {
  const images = Array.from({ length: 60 }, (_, i) => `image:${String(60 - i).padStart(2, '0')}`);
  const drivers = [{ name: 'docker' as const, info: { ...info, images } }];
  const told = nodeStatus({ ...report, drivers }, [], 0).images;
  t.equal(told?.length, 50);
  t.same([told?.[0], told?.at(-1)], ['image:11', 'image:60'], 'the largest, by name');
  t.notOk('images' in nodeStatus(report, [], 0));
});

const conditions = (drivers: Parameters<typeof nodeStatus>[0]['drivers']) =>
  nodeStatus({ ...report, drivers }, [], 0).conditions?.map(c => `${c.type}=${c.status}/${c.reason}`);

t.test('an engine that does not answer, and workspaces that are not kept apart, are conditions', async t => {
  t.same(conditions(report.drivers), ['DriversReady=True/DriverReady', 'WorkspacesIsolated=True/Isolated']);
  t.same(conditions([{ name: 'docker', error: 'refused' }]), [
    'DriversReady=False/DriverUnavailable',
    'WorkspacesIsolated=Unknown/DriverUnavailable',
  ]);
  t.same(
    conditions([
      { name: 'docker', info: { ...info, isolation: { enforced: false, message: 'no iptables' } } },
    ]),
    ['DriversReady=True/DriverReady', 'WorkspacesIsolated=False/NotIsolated'],
  );
  const none = nodeStatus({ ...report, drivers: [{ name: 'docker', error: 'refused' }] }, [], 0);
  t.notOk('capacity' in none, 'what is not known is not said');
});

t.test('without an address a node listens on loopback alone', async t => {
  t.match(agentSettings({}), { address: '127.0.0.1', sshBind: '127.0.0.1', drivers: undefined });
  t.match(agentSettings({ address: 'n1.example.com' }), { address: 'n1.example.com', sshBind: '0.0.0.0' });
  t.match(agentSettings({ address: 'n1', sshBind: '10.0.0.1' }), { address: 'n1', sshBind: '10.0.0.1' });
  t.match(agentSettings({}).nodeName, /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
  t.equal(agentSettings({ nodeName: 'n1' }).namespace, 'nexus-node-n1');
  t.throws(() => agentSettings({ reserveMemory: 'much' }), /reserveMemory/);
});

type Answer = 'yes' | 'no' | 'never';

t.test('what runs workspaces here when nobody says', async t => {
  const socket = `${t.testdir({ socket: '' })}/socket`;
  const clock = new FakeClock();
  let closed = 0;
  const candidate = (name: Candidate['name'], answer: Answer, socketPath = socket): Candidate => ({
    name,
    socketPath,
    async make(): Promise<Driver> {
      const driver = createMemoryDriver({ node: 'n' });
      const list = {
        yes: driver.list,
        no: () => Promise.reject(new DriverError('EngineUnavailable', 'down')),
        never: () => new Promise<never>(() => {}),
      }[answer];
      return { ...driver, list, close: async () => void closed++ };
    },
  });
  const detect = async (docker: Answer, lxc: Answer, placed: string[] = []) => {
    const found = detectDrivers([candidate('docker', docker), candidate('lxc', lxc)], placed, clock);
    await settle();
    await clock.advance(10_000);
    return found;
  };

  t.same(await detect('yes', 'yes'), ['docker', 'lxc'], 'all that answer');
  t.same(await detect('no', 'yes'), ['lxc']);
  t.same(await detect('yes', 'never'), ['docker'], 'one that takes a call and is silent does not');
  t.equal(closed, 6, 'nothing is left open');
  t.same(await detect('no', 'no'), ['docker'], 'one at least, so that somebody is told what is missing');
  t.same(await detect('yes', 'no', ['lxc']), ['docker', 'lxc'], 'and what workspaces were placed on');
  const absent = candidate('lxc', 'yes', '/nonexistent');
  t.same(await detectDrivers([candidate('docker', 'yes'), absent], [], clock), ['docker']);
});
