import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { CONFIG_MAP, CRD, EVENT, NAMESPACE, NODE, PLACEMENT, SECRET, WORKSPACE } from '../../crds/kinds.ts';
import type { EngineByHand } from '../support/engine-by-hand.ts';
import { onEachEngine } from '../support/on-each-engine.ts';
import { until } from '../support/until.ts';
import { type UpLab, upLab, webServer } from '../support/up-lab.ts';

/** Everything but Leases, in which a node says that it lives. */
const KINDS = [WORKSPACE, PLACEMENT, NODE, SECRET, CONFIG_MAP, NAMESPACE, EVENT, CRD];

await onEachEngine(t, 'what is as declared is left alone', { test });

async function test(t: Test, engine: EngineByHand): Promise<void> {
  // Everything is looked at every second, although nothing happens.
  const lab = await upLab(t, engine, { args: ['--resync=1s'] });
  const { up } = lab;
  const manifest = JSON.stringify({
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name: 'shop', labels: { app: 'shop' } },
    spec: {
      image: lab.image,
      resources: { cpu: '500m', memory: '256Mi' },
      env: [{ name: 'GREETING', value: 'hello' }],
      services: [
        {
          name: 'web',
          command: webServer(3000, 'one'),
          port: 3000,
          healthCheck: { http: { path: '/' }, intervalSeconds: 1 },
        },
        { name: 'worker', command: 'exec sleep 1000', dependsOn: ['web'] },
      ],
      ports: [{ name: 'debug', port: 9229, exposure: 'Node' }],
      lifecycle: { preStart: 'true', postStart: 'true' },
    },
  });
  const { code, stdout, stderr } = await up.apply(manifest, '--wait', '--timeout=180s');
  t.equal(code, 0, stderr);
  t.match(stdout, /^workspace.*\/shop created/m);
  // Events are counted together for a moment before they are written.
  let told = 0;
  await until(
    async () => {
      told = await lab.countOf('shop', 'HookSucceeded');
      return told === 2;
    },
    { timeoutMs: 10_000, what: () => `both hooks to be told, not ${told}` },
  );
  await passes(lab, 2);

  await t.test('a second apply says so, writes nothing, and nothing follows from it', async t => {
    const before = await picture(lab);
    const followed = await engine.follow(up.node);
    const asked = await writes(lab);
    const again = await up.apply(manifest, '--wait');
    t.equal(again.code, 0);
    t.match(again.stdout, /\/shop unchanged/);
    // What an apply sets off comes at once; three further looks at everything find nothing to do either.
    await passes(lab, 3);
    t.same(await picture(lab), before);
    t.same(await followed.end(), []);
    t.equal(await writes(lab), asked + 1, 'nobody but the command asked for a write');
  });

  await t.test('nor does a third one that names its fields in another order', async t => {
    const before = await picture(lab);
    const { spec, ...rest } = JSON.parse(manifest);
    const turned = JSON.stringify({ spec: Object.fromEntries(Object.entries(spec).reverse()), ...rest });
    t.match((await up.apply(turned)).stdout, /\/shop unchanged/);
    await passes(lab, 2);
    t.same(await picture(lab), before);
  });

  await t.test('an agent that is started again adopts what it finds', async t => {
    const before = await lab.life('shop');
    const pid = await lab.root('shop', 'cat /run/nexus/units/web/pid');
    const followed = await engine.follow(up.node);
    const { agent } = up.pids();
    process.kill(agent ?? 0, 'SIGKILL');
    await until(() => up.pids().agent !== undefined && up.pids().agent !== agent, {
      timeoutMs: 15_000,
      what: () => 'another agent',
    });
    await passes(lab, 2);
    await lab.ready('shop');
    t.same(await lab.life('shop'), before);
    t.equal(await lab.root('shop', 'cat /run/nexus/units/web/pid'), pid);
    t.same(await followed.end(), []);
  });
  await lab.remove('shop');
  t.same(await lab.leftovers(), []);
}

/** What there is: versions of all objects, what the agent has done, and the container. */
async function picture(lab: UpLab) {
  const lists = await Promise.all(KINDS.map(kind => lab.up.client.list(kind)));
  const versions = lists.flatMap(({ items }) =>
    items.map(({ kind, metadata: { namespace = '', name, resourceVersion } }) =>
      [kind, namespace, name, resourceVersion].join(' '),
    ),
  );
  return { versions: versions.sort(), actions: await actions(lab), ...(await lab.life('shop')) };
}

/** Requests to write that the server has answered, but for Leases. */
async function writes({ up }: UpLab): Promise<number> {
  const metrics = await up.client.raw('GET', '/metrics');
  return metrics.text
    .split('\n')
    .filter(line => /^apiserver_request_total\{.*verb="(create|update|patch|delete)/i.test(line))
    .filter(line => !line.includes('"leases"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** What the agent did to the engine, to insides and to ports. */
async function actions(lab: UpLab): Promise<string[]> {
  return (await agentMetrics(lab)).split('\n').filter(line => line.startsWith('nexus_agent_actions_total'));
}

/** Waits until the agent has looked at the workspace so many times more. */
async function passes(lab: UpLab, count: number): Promise<void> {
  const read = async () => {
    const metrics = await agentMetrics(lab).catch(() => '');
    const lines = metrics
      .split('\n')
      .filter(line => line.startsWith('nexus_reconcile_total') && line.includes('placement'));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  const start = await read();
  await until(async () => (await read()) >= start + count, {
    timeoutMs: 20_000,
    what: () => `${count} passes of the agent`,
  });
}

function agentMetrics({ up }: UpLab): Promise<string> {
  return new Promise((resolve, reject) => {
    const socketPath = join(up.home, 'agent', 'agent.sock');
    const asked = request({ socketPath, path: '/metrics', timeout: 30_000 }, response => {
      text(response).then(resolve, reject);
    });
    asked
      .on('error', reject)
      .on('timeout', () => asked.destroy(new Error('the agent does not tell its metrics')))
      .end();
  });
}
