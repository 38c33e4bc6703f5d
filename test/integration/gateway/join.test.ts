import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runAgent } from '../../../agent/main.ts';
import { joinServer } from '../../../agent/uplink/join.ts';
import { readGatewayFile } from '../../../controller/kit/gateway-file.ts';
import { newJoinToken } from '../../../controller/kit/join-token.ts';
import { createLogger } from '../../../controller/kit/logger.ts';
import { loadSshKey } from '../../../controller/kit/ssh-key-file.ts';
import { NODE, SECRET, WORKSPACE } from '../../../crds/kinds.ts';
import { LABEL_ARCH } from '../../../crds/names.ts';
import { type GatewayLab, gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { localServer } from '../../support/local-server.ts';
import { until } from '../../support/until.ts';

const soon = (what: string) => ({ timeoutMs: 20_000, everyMs: 20, what: () => what });

async function tokenOf(
  lab: GatewayLab,
  options: { nodeName?: string; inMs?: number; hostKey?: string } = {},
) {
  const { nodeName, inMs = 600_000, hostKey = KEYS.gateway.publicKey } = options;
  const expires = Date.now() + inMs;
  const { text, secret } = newJoinToken({ hostKey, expires, ...(nodeName && { nodeName }) });
  await lab.client.create(SECRET, secret);
  return text;
}

function machine(t: Test) {
  const home = mkdtempSync(join(tmpdir(), 'nexus-join-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  return {
    home,
    join: (lab: GatewayLab, token: string, nodeName?: string) =>
      joinServer({
        server: `127.0.0.1:${lab.port}`,
        token,
        ...(nodeName && { nodeName }),
        defaultNodeName: 'some-machine',
        home,
        signal: AbortSignal.timeout(120_000),
      }),
    key: async () => (await loadSshKey(join(home, 'agent', 'id_ed25519'), '')).publicKey,
  };
}

const refused = (message: RegExp, next: RegExp) => ({ name: 'JoinError', message, next });

t.test('a machine with a token becomes a node, and doing it twice changes nothing', async t => {
  const lab = await gatewayLab(t);
  const box = machine(t);
  const token = await tokenOf(lab);
  const secret = token.split('.')[2] ?? '';
  const kept = (await lab.client.list(SECRET, { namespace: 'nexus-system' })).items;
  t.notOk(JSON.stringify(kept).includes(Buffer.from(secret).toString('base64')), 'only a digest is kept');

  const { file } = await box.join(lab, token, 'build-1');
  const node = await lab.client.get(NODE, { name: 'build-1' });
  t.same(node.spec?.agentKeys, [await box.key()]);
  t.ok(node.metadata.labels?.[LABEL_ARCH]);
  t.same(await readGatewayFile(join(box.home, 'agent')), {
    nodeName: 'build-1',
    addresses: [`127.0.0.1:${lab.port}`, 'gateway.example.com:3022'],
    hostKeys: [KEYS.gateway.publicKey],
  });
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.same((await lab.client.list(SECRET, { namespace: 'nexus-system' })).items, [], 'it is used up');

  const before = readFileSync(file, 'utf8');
  for (const again of [token, await tokenOf(lab)]) await box.join(lab, again, 'build-1');
  t.equal(readFileSync(file, 'utf8'), before);
  t.equal(
    (await lab.client.get(NODE, { name: 'build-1' })).metadata.resourceVersion,
    node.metadata.resourceVersion,
  );
  await t.rejects(
    box.join(lab, token, 'build-2'),
    refused(/is node build-1 already/, /leave --node-name out/),
  );
  t.notOk(lab.lines.join('\n').includes(secret), 'no secret is logged');
});

t.test('a token lets one machine in, whoever else shows it and however fast', async t => {
  const lab = await gatewayLab(t);
  const boxes = Array.from({ length: 6 }, () => machine(t));
  const token = await tokenOf(lab);
  const all = await Promise.allSettled(boxes.map((box, i) => box.join(lab, token, `race-${i}`)));
  t.equal(all.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const one of all)
    if (one.status === 'rejected') t.match(one.reason, refused(/was used/, /nexus node token create/));
  const made = (await lab.client.list(NODE)).items.filter(({ metadata }) =>
    metadata.name.startsWith('race-'),
  );
  t.equal(made.length, 1);
  await t.rejects(
    machine(t).join(lab, token),
    refused(/was used, has expired or was deleted/, /make a new one/),
  );
  t.match(await lab.metrics.text(), /nexus_gateway_refusals_total\{reason="BadToken"\} [1-9]/);
});

t.test('a token that has expired, is none or is for another gateway lets nobody in', async t => {
  const lab = await gatewayLab(t);
  const box = machine(t);
  await t.rejects(
    box.join(lab, await tokenOf(lab, { inMs: -1_000 })),
    refused(/expired at 2/, /make a new one/),
  );
  await t.rejects(box.join(lab, 'nexus-join.abc'), refused(/not all of one/, /copy the whole/));
  const forged = await tokenOf(lab, { hostKey: KEYS.stranger.publicKey });
  await t.rejects(box.join(lab, forged), refused(/somebody may be in between/, /check the address/));
  t.same(lab.logged('logged in', { kind: 'join' }).length, 1, 'the secret was not shown to it');
  t.same(
    (await lab.client.list(NODE)).items.map(({ metadata }) => metadata.name),
    ['n1'],
  );
});

t.test('nobody takes over a node, unless the token says so by name', async t => {
  const lab = await gatewayLab(t);
  const { connected, uplink } = await lab.uplink();
  await connected();
  const box = machine(t);
  await t.rejects(
    box.join(lab, await tokenOf(lab), 'n1'),
    refused(/a node n1 already, with another key/, /nexus node token create --node n1/),
  );
  const named = await tokenOf(lab, { nodeName: 'n1' });
  await t.rejects(box.join(lab, named, 'n2'), refused(/is for node n1, not n2/, /leave --node-name out/));
  t.equal((await box.join(lab, named)).nodeName, 'n1');
  t.ok(uplink.isConnected, 'a key that somebody else wrote stays');

  const next = machine(t);
  await next.join(lab, await tokenOf(lab, { nodeName: 'n1' }));
  const { spec } = await lab.client.get(NODE, { name: 'n1' });
  t.same(
    spec?.agentKeys?.map(key => key.split(' ')[1]).sort(),
    [KEYS.node.publicKey, await next.key()].map(key => key.split(' ')[1]).sort(),
    'one that a join had put there gives way',
  );
  for (const bad of ['Upper', 'a.b', 'x'.repeat(51)])
    await t.rejects(
      machine(t).join(lab, await tokenOf(lab), bad),
      refused(/cannot name a node/, /lower-case/),
    );
});

t.test('tokens that nobody used are removed when they have expired', async t => {
  const lab = await gatewayLab(t, {
    before: async client => {
      for (const inMs of [-1_000, 600_000]) {
        const { secret } = newJoinToken({ hostKey: KEYS.gateway.publicKey, expires: Date.now() + inMs });
        await client.create(SECRET, secret);
      }
    },
  });
  const left = async () => (await lab.client.list(SECRET, { namespace: 'nexus-system' })).items;
  await until(async () => (await left()).length === 1, soon('one token to be left'));
});

t.test('by the command line: a token, a join, and an agent that needs nothing but the gateway', async t => {
  const server = await localServer({ agent: false });
  t.teardown(() => server.close());
  const home = mkdtempSync(join(tmpdir(), 'nexus-far-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  const far = (args: string[]) => server.cli(args, { env: { HOME: home, NEXUS_HOME: home } });

  const made = await server.cli(['node', 'token', 'create', '--ttl', '5m']);
  t.match(made, { code: 0, stdout: /^nexus agent join 127\.0\.0\.1:\d+ --token nexus-join\.\S+\n$/ });
  const listed = await server.cli(['node', 'token', 'list']);
  t.match(listed.stdout, /^ID +NODE +EXPIRES\n[0-9a-f]{16} +<any> +20/);
  const command = made.stdout.trim().split(' ').slice(1);
  const joined = await far([...command, '--node-name', 'far-1', '--drivers', 'memory', '--resync', '1m']);
  t.match(joined, { code: 0, stdout: /this machine is node far-1/ });
  t.match(await far(['agent', 'join']), { code: 2, stderr: /join which server/ });
  t.match(await server.cli(['node', 'token', 'list']), { stderr: /no tokens/ });
  const replayed = await server.cli(command, { env: { HOME: home, NEXUS_HOME: join(home, 'other') } });
  t.match(replayed, { code: 1, stderr: /was used, has expired or was deleted\nnext: make a new one/ });

  t.same(JSON.parse(readFileSync(join(home, 'agent', 'options.json'), 'utf8')), {
    drivers: ['memory'],
    resync: '1m',
  });
  const abort = new AbortController();
  const log = createLogger({ level: 'silent' });
  const running = runAgent({ home, drivers: ['memory'], log }, abort.signal);
  t.teardown(async () => {
    abort.abort();
    await running;
  });
  await server.apply(
    'apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: shop}\nspec: {driver: memory}\n',
  );
  await until(async () => {
    const { status } = await server.client.get(WORKSPACE, { name: 'shop', namespace: 'default' });
    return status?.phase === 'Running' && status.nodeName === 'far-1';
  }, soon('a workspace to run on the node that joined'));
});
