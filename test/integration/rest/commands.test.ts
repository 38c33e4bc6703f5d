import t from 'tap';
import { NODE_COMMAND, USER } from '../../../crds/kinds.ts';
import { nodeNamespace } from '../../../crds/names.ts';
import { listen } from './listen.ts';
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
