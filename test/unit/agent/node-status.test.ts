import t from 'tap';
import { agentSettings } from '../../../agent/agent-settings.ts';
import type { DriverInfo } from '../../../agent/driver.ts';
import { nodeStatus } from '../../../agent/node/node-status.ts';
import { jsonEqual } from '../../../controller/kit/json.ts';

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
