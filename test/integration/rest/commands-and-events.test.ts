import t from 'tap';
import { NODE, NODE_COMMAND, USER, WORKSPACE } from '../../../crds/kinds.ts';
import { nodeNamespace } from '../../../crds/names.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { listen, type Told } from './listen.ts';
import { restLab, soon } from './rest-lab.ts';

t.setTimeout(300_000);
const lab = await restLab(t, { registration: 'open' });
const { call, server, github } = lab;
const namespace = nodeNamespace('n1');

const dispatch = (command: string, node = 'n1') =>
  call('POST', `/nodes/${node}/commands`, { body: { command } });
/** What became of it, once it is done. */
async function result(command: string) {
  const { status, body } = await dispatch(command);
  t.match(
    { status, body },
    { status: 202, body: { node_id: 'n1', command, status: 'pending', output: null } },
  );
  return soon(async () => {
    const { body: now } = await call('GET', `/commands/${body.id}`);
    return /succeeded|failed/.test(String(now.status)) && now;
  });
}

t.test('a command is done by the agent, and its result is told to whoever listens', async t => {
  const events = listen(lab);
  t.teardown(events.close);
  await events.open;
  const info = await result('info');
  t.match(info, { status: 'succeeded', error: null, duration_ms: Number, finished_at: /Z$/ });
  t.match(JSON.parse(String(info.output)), { node: 'n1', drivers: [{ name: 'memory', ready: true }] });
  t.match(await result('health'), { status: 'succeeded', output: 'memory: answers' });
  t.match(await result('prune'), { status: 'succeeded', output: /^images removed: 0\n/ });
  await soon(() => events.told.filter(({ event }) => event === 'command_result').length === 3);
  t.match(events.told.find(({ event }) => event === 'command_result')?.data, {
    id: info.id,
    output: info.output,
  });
});

t.test('an agent that is asked to begin anew does, and says so then', async t => {
  t.match(await result('restart-agent'), { status: 'succeeded', output: 'the agent has begun anew' });
  t.match(await result('health'), { status: 'succeeded' }, 'it is at work again');
});

t.test('nothing but the named commands, by nobody but who may, and for nodes that are there', async t => {
  t.match(await dispatch('rm -rf /'), { status: 400, body: { error: 'invalid_request' } });
  t.match(await call('POST', '/nodes/n1/commands', { body: {} }), {
    status: 400,
    body: { error: 'missing_fields' },
  });
  t.match(await dispatch('info', 'nope'), { status: 404, body: { error: 'node_not_found' } });
  for (const id of ['nope', 'cmd-x.n1', 'a.b.c'])
    t.match(await call('GET', `/commands/${id}`), { status: 404, body: { error: 'command_not_found' } }, id);
  const [first] = (await server.client.list(NODE_COMMAND, { namespace })).items;
  const id = `${first?.metadata.name}.n1`;
  await server.client.create(USER, {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'User',
    metadata: { name: 'ada' },
    spec: { github: { login: 'ada', id: github.idOf('ada') } },
  } as never);
  const token = github.token('ada');
  await soon(async () => (await call('GET', '/nodes/n1', { token })).status === 200);
  t.match(await call('POST', '/nodes/n1/commands', { body: { command: 'info' }, token }), {
    status: 403,
    body: { error: 'forbidden' },
  });
  t.match(await call('GET', `/commands/${id}`, { token }), { status: 403 });
});

t.test('a node whose agent is away takes so many and no more; an old one is not done any more', async t => {
  await call('POST', '/nodes', { body: { name: 'n2' } });
  await soon(async () => (await dispatch('info', 'n2')).status === 202);
  for (let i = 1; i < 20; i++) t.equal((await dispatch('info', 'n2')).status, 202);
  t.match(await dispatch('info', 'n2'), { status: 429, body: { error: 'rate_limited' } });
});

const workspace = (name: string): Workspace => ({
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'Workspace',
  metadata: { name, namespace: 'default' },
  spec: { driver: 'memory' },
});

t.test('changes are told as they happen, and from where a client was cut off', async t => {
  const first = listen(lab);
  t.teardown(first.close);
  await first.open;
  await server.client.create(WORKSPACE, workspace('a'));
  await server.client.create(NODE, {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Node',
    metadata: { name: 'n9' },
  });
  await soon(() =>
    first.told.some(({ event, data }) => event === 'workspace_updated' && data.status === 'running'),
  );
  await soon(() => first.told.some(({ event, data }) => event === 'node_registered' && data.id === 'n9'));
  t.match(first.told.find(({ event }) => event === 'workspace_updated')?.data, {
    workspace_id: /^ws-a\.default\./,
  });
  first.close();
  const { id } = first.told.at(-1) as Told;

  await server.client.delete(NODE, { name: 'n9' });
  await server.client.delete(WORKSPACE, { name: 'a', namespace: 'default' });
  await server.stopServer();
  await server.startServer();
  const again = listen(lab, id);
  t.teardown(again.close);
  await soon(() => again.told.some(({ event, data }) => event === 'node_unregistered' && data.id === 'n9'));
  await soon(() =>
    again.told.some(({ event, data }) => event === 'workspace_updated' && data.deleted === true),
  );
  t.notOk(
    again.told.some(({ id: told }) => told === id),
    'nothing is told twice',
  );
});

t.test('the same path is the Kubernetes API for everybody else', async t => {
  const { body } = await call('GET', '/events');
  t.equal(body.kind, 'EventList');
});
