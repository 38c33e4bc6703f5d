import { once } from 'node:events';
import { Agent } from 'node:https';
import t from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import { httpsTransport } from '../../../controller/client/https-transport.ts';
import { ensureNode } from '../../../controller/reconcilers/node/ensure-node.ts';
import type { ApiProcess } from '../../support/api-process.ts';
import { until } from '../../support/until.ts';
import { open, startAbuseLab } from './abuse-lab.ts';
import { CM, configMap } from './lab.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/nexus-node-n1/leases';

t.setTimeout(300_000);

t.test('a thousand idle watches cost little, and events still arrive', async t => {
  const { server, admin, client, memoryMiB, isServed } = await startAbuseLab(t);
  const before = memoryMiB();
  const watching = client(await server.tokenOf('watcher', ['system:masters']));
  const agent = new Agent({ ca: server.ca, keepAlive: true });
  t.teardown(() => agent.destroy());
  const idle = [];
  for (let i = 0; i < 1000; i += 50)
    idle.push(
      ...(await Promise.all(
        Array.from({ length: 50 }, () =>
          open(`${server.url}${CM}?watch=true&labelSelector=none`, {
            agent,
            headers: watching.target.headers,
          }),
        ),
      )),
    );
  t.strictSame([...new Set(idle.map(one => one.statusCode))], [200]);
  await isServed(t, '1,000 idle watches');
  t.ok(memoryMiB() - before < 300, `${Math.round(memoryMiB() - before)} MiB more`);
  const stream = await admin.open('GET', `${CM}?watch=true`);
  const began = performance.now();
  await client(server.token).call('POST', CM, configMap('seen'));
  const [event] = (await once(stream, 'data')) as [Buffer];
  t.match(String(event), /"name":"seen"/);
  t.comment(`an event arrived after ${Math.round(performance.now() - began)} ms`);
});

t.test('a user who floods is told to wait, and a node’s lease is renewed meanwhile', async t => {
  const { server, client, isServed } = await startAbuseLab(t, {
    limits: { requestsPerUser: 10, queuedPerUser: 10 },
  });
  const transport = httpsTransport({ server: server.url, ca: server.ca, token: server.token });
  const setUp = createClient({ transport });
  t.teardown(() => setUp.close());
  await ensureNode(setUp, { name: 'n1' });
  const agent = client(await server.tokenOf('nexus:node:n1', ['nexus:nodes']));
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'n1' }, spec: {} };
  await agent.call('POST', LEASES, lease);
  const token = await server.tokenOf('flood', ['system:masters']);
  const flooding = { on: true, sent: 0, refused: 0 };
  const floods = Array.from({ length: 60 }, async () => {
    const one = client(token);
    while (flooding.on) {
      flooding.sent++;
      const refusal = await one.call('POST', `${CM}?dryRun=All`, configMap('c')).then(
        () => undefined,
        (error: Error) => error.message,
      );
      if (refusal === undefined) continue;
      flooding.refused++;
      if (!/ 429 .*"reason":"TooManyRequests"/.test(refusal)) throw new Error(refusal);
    }
  });
  await until(() => flooding.refused > 50, { timeoutMs: 20_000, what: () => 'refusals' });
  const renewals: number[] = [];
  for (let i = 0; i < 40; i++) {
    const began = performance.now();
    const spec = { renewTime: new Date(Date.UTC(2026, 0, 1, 0, 0, i)).toISOString().replace('Z', '000Z') };
    await agent.call('PATCH', `${LEASES}/n1`, { spec }, 'application/merge-patch+json');
    renewals.push(performance.now() - began);
  }
  const refusal = await refusalOf(server, token);
  await isServed(t, 'a flood of 60 connections');
  flooding.on = false;
  await Promise.all(floods);
  renewals.sort((a, b) => a - b);
  const [median, worst] = [renewals[20]!, renewals[39]!];
  t.ok(worst < 10_000, `a lease was renewed in ${median.toFixed()} ms, ${worst.toFixed()} ms at worst`);
  t.comment(`${flooding.sent} requests, ${flooding.refused} refused`);
  t.match(refusal, { code: 429, retryAfter: '1' });
});

/** The first refusal that somebody meets who asks again and again. */
async function refusalOf({ url, ca }: ApiProcess, token: string) {
  const agent = new Agent({ ca, keepAlive: true });
  try {
    return await until(
      async () => {
        const answer = await open(`${url}${CM}`, { agent, headers: { authorization: `Bearer ${token}` } });
        const { statusCode: code, headers } = answer;
        answer.resume();
        await once(answer, 'close');
        return code === 429 && { code, retryAfter: headers['retry-after'] };
      },
      { timeoutMs: 20_000, what: () => 'a refusal', everyMs: 1 },
    );
  } finally {
    agent.destroy();
  }
}
