import t from 'tap';
import { EXIT } from '../../../cli/errors.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { EVENT, NAMESPACE, NODE, SECRET, WORKSPACE } from '../../../crds/kinds.ts';
import { nodeNamespace, SYSTEM_NAMESPACE } from '../../../crds/names.ts';
import { farAgent } from '../../support/far-agent.ts';
import { localServer } from '../../support/local-server.ts';
import { until } from '../../support/until.ts';

t.setTimeout(300_000);
const server = await localServer();
t.teardown(() => server.close());
const { client } = server;
const node = (...args: string[]) => server.cli(['node', ...args]);
const get = (name: string) => client.get(NODE, { name });
const ws = (name: string, spec = '') =>
  `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}}\nspec: {driver: memory${spec}}\n`;
const workspace = (name: string) => client.get(WORKSPACE, { name, namespace: 'default' });
const ready = (name: string) =>
  until(
    async () => (await get(name)).status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True'),
    { timeoutMs: 20_000, what: () => `${name} to be ready` },
  );

await ready('n1');
const declare = async (name: string, spec: string) => {
  const { code, stderr } = await server.apply(ws(name, spec), '--wait');
  if (code !== 0) throw new Error(stderr);
};
await declare('stays', ', resources: {cpu: 500m, memory: 1Gi}');
await declare('moves', ', onNodeLoss: Reschedule');
const AHEAD_MS = 600_000;
await farAgent(t, server, 'n2', { clock: { ...systemClock, now: () => systemClock.now() + AHEAD_MS } });
await ready('n2');

t.test('list shows what each node has and gives, in every form', async t => {
  await until(async () => (await get('n1')).status?.allocated?.workspaces === 2, {
    timeoutMs: 10_000,
    what: () => 'two workspaces to be counted',
  });
  const { code, stdout } = await node('list');
  t.equal(code, 0);
  const [header, first, second, ...more] = stdout.trim().split('\n');
  t.match(header, /^NAME +STATUS +DRIVERS +WORKSPACES +CPU +MEMORY +DISK +VERSION +AGE$/);
  t.match(
    first,
    /^n1 +Ready +memory +2 +500m\/\d+m? +1Gi\/[\d.]+Gi +0\/[\d.]+[GT]i +\d+\.\d+\.\d+\S* +\d+s$/,
  );
  t.match(second, /^n2 +Ready +memory +0 +0\//);
  t.same(more, []);
  t.match(await node('list', '-o', 'wide'), { code: 0, stdout: /AGE +ADDRESS +ENGINE +OS +ARCH +TAINTS\n/ });
  t.match(await node('list', '-o', 'name'), { code: 0, stdout: 'node.nexus.dev/n1\nnode.nexus.dev/n2\n' });
  t.match(JSON.parse((await node('list', '-o', 'json')).stdout), {
    kind: 'List',
    items: [{ kind: 'Node' }, {}],
  });
  t.match(await node('list', '--no-headers', '-l', 'zone=none'), {
    code: 0,
    stdout: '',
    stderr: /No resources/,
  });
  t.match(await node('list', '-o', 'tree'), { code: EXIT.usage });
  t.match(await node('list', 'n1'), { code: EXIT.usage });
});

t.test('describe tells resources, drivers and workspaces', async t => {
  const { code, stdout } = await node('describe', 'n1');
  t.equal(code, 0);
  t.match(stdout, /^Status: +Ready$/m);
  t.match(stdout, /^Resources:\n +RESOURCE +CAPACITY +ALLOCATABLE +ALLOCATED\n +cpu +\d+\S* +\d+\S* +500m$/m);
  t.match(stdout, /^ +default +stays +memory +500m +1Gi +22\d\d +running$/m);
  t.match(stdout, /^Conditions:\n/m);
  t.match(await node('describe', 'n2'), { stdout: /^Workspaces: +none$/m });
  t.match(await node('describe', 'nope'), { code: EXIT.notFound });
  t.match(await node('describe'), { code: EXIT.usage });
});

t.test('label sets, changes only when told to, and takes off', async t => {
  t.match(await node('label', 'n1', 'n2', 'zone=eu', 'gpu='), {
    code: 0,
    stdout: 'node/n1 labelled\nnode/n2 labelled\n',
  });
  t.match((await get('n1')).metadata.labels, { zone: 'eu', gpu: '' });
  t.match(await node('label', 'node/n1', 'zone=eu'), { stdout: 'node/n1 is labelled so already\n' });
  t.match(await node('label', 'n1', 'zone=us'), {
    code: EXIT.conflict,
    stderr: /zone=eu already\nnext: --overwrite/,
  });
  t.match(await node('label', 'n1', 'zone=us', '--overwrite'), { code: 0 });
  t.match(await node('list', '-l', 'zone=us', '--no-headers'), { stdout: /^n1 .*\n$/ });
  t.match(await node('label', 'n1', 'zone-', 'gpu-'), { code: 0 });
  t.notMatch((await get('n1')).metadata.labels ?? {}, { zone: 'us' });
  t.match(await node('label', 'n1', 'nope', 'a=b'), { code: EXIT.notFound, stderr: /no node nope/ });
  t.notMatch((await get('n1')).metadata.labels ?? {}, { a: 'b' }, 'a wrong name changes nothing');
  for (const args of [['n1'], ['a=b'], ['n1', 'a b=c'], ['n1', '=c'], ['n1', 'a=b c']])
    t.match(await node('label', ...args), { code: EXIT.usage }, args.join(' '));
});

t.test('taint adds, changes only when told to, and takes off by key or effect', async t => {
  t.match(await node('taint', 'n2', 'gpu=yes:NoSchedule', 'gpu:PreferNoSchedule'), {
    code: 0,
    stdout: 'node/n2 tainted\n',
  });
  t.same((await get('n2')).spec?.taints, [
    { key: 'gpu', value: 'yes', effect: 'NoSchedule' },
    { key: 'gpu', effect: 'PreferNoSchedule' },
  ]);
  t.match(await node('taint', 'n2', 'gpu=yes:NoSchedule'), { stdout: 'node/n2 is tainted so already\n' });
  t.match(await node('taint', 'n2', 'gpu=no:NoSchedule'), { code: EXIT.conflict });
  t.match(await node('taint', 'n2', 'gpu=no:NoSchedule', '--overwrite'), { code: 0 });
  t.match(await node('taint', 'n2', 'gpu:PreferNoSchedule-'), { code: 0, stdout: 'node/n2 untainted\n' });
  t.same((await get('n2')).spec?.taints, [{ key: 'gpu', value: 'no', effect: 'NoSchedule' }]);
  t.match(await node('taint', 'n2', 'gpu-'), { code: 0 });
  t.match(await node('taint', 'n2', 'gpu-'), { code: EXIT.notFound });
  t.match(await node('taint', 'n2', 'out:NoExecute'), { code: 0 });
  t.match(
    (await get('n2')).spec?.taints,
    [{ effect: 'NoExecute', timeAdded: /^20.*Z$/ }],
    'from when it counts',
  );
  t.match(await node('taint', 'n2', 'out-'), { code: 0 });
  for (const args of [['n2'], ['n2', 'gpu=yes'], ['n2', 'gpu:Never'], ['n2', '=x:NoSchedule']])
    t.match(await node('taint', ...args), { code: EXIT.usage }, args.join(' '));
});

t.test('cordon keeps new workspaces off until uncordon', async t => {
  t.match(await node('cordon', 'n2'), { code: 0, stdout: 'node/n2 cordoned\n' });
  t.match(await node('cordon', 'n2'), { code: 0, stdout: 'node/n2 is cordoned already\n' });
  t.match(await node('list', '--no-headers'), { stdout: /^n2 +Ready,SchedulingDisabled /m });
  t.match(await node('uncordon', 'n2'), { code: 0, stdout: 'node/n2 uncordoned\n' });
  t.match(await node('uncordon', 'n2'), { code: 0, stdout: 'node/n2 is uncordoned already\n' });
  t.match(await node('cordon', 'nope'), { code: EXIT.notFound });
  t.match(await node('cordon'), { code: EXIT.usage });
});

t.test('drain waits, tells what it does and what is stopped because it may not move', async t => {
  t.match(await node('cordon', 'n2'), { code: 0 });
  t.match(await node('drain', 'n1', '--timeout', '2s'), {
    code: EXIT.timeout,
    stderr:
      /default\/moves waiting for room elsewhere \(0\/2 nodes: [\s\S]*not drained within 2s; the drain goes on\nnext/,
  });
  t.match(await node('list', '--no-headers'), { stdout: /^n1 +Ready,SchedulingDisabled,Draining /m });
  t.match(await node('uncordon', 'n2'), { code: 0 });
  const drained = await node('drain', 'n1', '--timeout', '180s');
  t.match(drained, {
    code: 0,
    stdout:
      /^node\/n1 is being drained already\nnode\/n1 drained\nworkspace default\/stays is stopped there until "nexus node uncordon n1": it may not be moved/,
  });
  t.match(await node('list', '--no-headers'), { stdout: /^n1 +Ready,SchedulingDisabled,Drained /m });
  t.match(await workspace('moves'), { status: { nodeName: 'n2' } });
  t.match(await node('describe', 'n1'), { stdout: /default +stays .* Drain$/m });
  t.match(await node('uncordon', 'n1'), { code: 0 });
  t.match(await server.cli(['wait', 'ws/stays', '--for', 'phase=Running', '--timeout', '180s']), { code: 0 });
  t.match(await node('drain', 'n1', '--max-concurrent', '0'), { code: EXIT.usage });
  t.match(await node('drain', 'n1', '--timeout', 'x'), { code: EXIT.usage });
});

t.test('a node whose clock is wrong tells times that are right', async t => {
  const latest = new Date(systemClock.now() + AHEAD_MS / 2).toISOString();
  const { status } = await workspace('moves');
  const told = [...(status?.conditions ?? []), ...((await get('n2')).status?.conditions ?? [])];
  t.ok(told.length > 5);
  for (const { type, lastTransitionTime } of told) t.ok(lastTransitionTime < latest, type);
  // Two of them: on n1, and on n2 after it.
  const made = await until(
    async () => {
      const events = await client.list(EVENT, { namespace: 'default' });
      const found = events.items.filter(
        ({ reason, involvedObject }) => reason === 'Created' && involvedObject.name === 'moves',
      );
      return found.length > 1 ? found : undefined;
    },
    { timeoutMs: 30_000, what: () => 'that it was made on n2 to be told' },
  );
  for (const { lastTimestamp } of made) t.ok((lastTimestamp ?? latest) < latest);
});

t.test('remove refuses while something is on the node, then shuts its agent out', async t => {
  t.match(await node('remove', 'n2'), {
    code: EXIT.conflict,
    stderr: /has 1 workspaces?: default\/moves\nnext: nexus node drain n2/,
  });
  const n3 = await farAgent(t, server, 'n3');
  await ready('n3');
  t.match(await node('token', 'create', '--node', 'n3'), { code: 0 });
  t.match(await node('token', 'create'), { code: 0 });
  t.match(await node('remove', 'n3'), { code: 0, stdout: 'node/n3 removed\n' });
  await t.rejects(get('n3'), { reason: 'NotFound' } as never);
  await t.rejects(client.get(NAMESPACE, { name: nodeNamespace('n3') }), { reason: 'NotFound' } as never);
  const tokens = await client.list(SECRET, { namespace: SYSTEM_NAMESPACE });
  t.equal(
    tokens.items.filter(({ type }) => type === 'nexus.dev/join-token').length,
    1,
    'tokens for it are gone',
  );
  await until(() => n3.lines.some(line => /refuse|denied|authenticat/i.test(line)), {
    timeoutMs: 20_000,
    what: () => `its agent to be refused:\n${n3.lines.slice(-20).join('\n')}`,
  });
  t.match(await node('remove', 'n3'), { code: EXIT.notFound, stderr: /no node n3\nnext: nexus node list/ });

  t.match(await node('remove', 'n2', '--force'), {
    code: 0,
    stderr: /default\/moves: what may be moved begins elsewhere/,
  });
  t.match(await node('remove', 'n1'), {
    code: EXIT.conflict,
    stderr: /machine of the server itself/,
  });
});

t.test('the shell completes actions and names', async t => {
  const complete = async (...words: string[]) =>
    (await server.cli(['--get-yargs-completions', 'nexus', ...words])).stdout.trim().split('\n');
  t.match(await complete('node', ''), ['list', 'describe', 'label']);
  t.ok((await complete('node', 'drain', '')).includes('n1'));
  t.ok((await complete('node', 'drain', 'n1', '')).includes('n1'));
  t.same(await complete('node', 'token', ''), ['create', 'list', 'delete']);
  t.ok((await complete('node', '--')).includes('--max-concurrent'));
});
