import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loadAgentKey } from '../../../agent/ssh/agent-key.ts';
import { AgentLab, memoryNode } from '../../support/agent-lab.ts';

t.test('health and metrics are there for whoever is on the machine', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  let url = '';
  const agent = node.start({
    agentMetrics: '0',
    onListen: where => {
      url = where;
    },
  });
  await agent.ready;
  await lab.place('shop', { services: [{ name: 'web', command: 'web' }] });
  await lab.ready('shop');
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  for (const path of ['/livez', '/readyz', '/healthz']) t.equal((await fetch(url + path)).status, 200, path);
  const text = await (await fetch(`${url}/metrics`)).text();
  t.match(text, /nexus_agent_placements\{state="Running"\} 1/);
  t.match(text, /nexus_agent_actions_total\{type="create",result="done"\} 1/);
  t.match(text, /nexus_agent_tunnels_connected 1/);
  t.equal((await fetch(`${url}/other`)).status, 404);
  t.equal((await fetch(`${url}/livez`, { method: 'POST' })).status, 405);
  await agent.stop();
  await t.rejects(fetch(`${url}/livez`), 'closed with the agent');
});

t.test('a second agent in the same folder is kept out by the first', async t => {
  const lab = await AgentLab.open(t);
  const node = memoryNode(lab);
  const home = await mkdtemp(join(tmpdir(), 'nexus-'));
  t.teardown(() => rm(home, { recursive: true }));
  const first = node.start({ home });
  await first.ready;
  const socketPath = join(home, 'agent', 'agent.sock');
  t.equal((await stat(socketPath)).mode & 0o777, 0o600);
  const answer = await new Promise<number>(resolve =>
    request({ socketPath, path: '/livez' }, ({ statusCode = 0 }) => resolve(statusCode)).end(),
  );
  t.equal(answer, 200);
  await t.rejects(node.start({ home }).ready, /another agent/);
  await first.stop();
  const second = node.start({ home });
  await second.ready;
  await second.stop();
});

t.test('the agent keeps its key, and overwrites none that it cannot read', async t => {
  const dir = t.testdir({});
  const key = await loadAgentKey(dir);
  t.same(await loadAgentKey(dir), key);
  t.equal((await stat(join(dir, 'id_ed25519'))).mode & 0o777, 0o600);
  await writeFile(join(dir, 'id_ed25519'), 'mine');
  await t.rejects(loadAgentKey(dir), /is not an OpenSSH private key/);
});
