import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { newAgentKey } from '../../../agent/ssh/agent-key.ts';
import { loadHostKeys } from '../../../controller/gateway/host-keys.ts';
import { publishGateway } from '../../../controller/gateway/publish.ts';
import { createHostKeyRotation } from '../../../controller/gateway/rotate-host-key.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { createController, watch } from '../../../controller/runtime/controller.ts';
import { createInformer } from '../../../controller/runtime/informer.ts';
import { CONFIG_MAP, NODE } from '../../../crds/kinds.ts';
import { ANNOTATION_ROTATE_HOST_KEY, GATEWAY_CONFIG_MAP, SYSTEM_NAMESPACE } from '../../../crds/names.ts';
import { gatewayLab, KEYS } from '../../support/gateway-lab.ts';
import { localServer } from '../../support/local-server.ts';
import { until } from '../../support/until.ts';

const soon = (what: string) => ({ timeoutMs: 15_000, everyMs: 10, what: () => what });
const NEXT = newAgentKey();

t.test(
  'a gateway with its next host key is the one of whoever has heard of it, and of nobody else',
  async t => {
    const lab = await gatewayLab(t, { hostKey: NEXT });
    const { connected, close } = await lab.uplink({ hostKeys: [KEYS.gateway.publicKey, NEXT.publicKey] });
    await connected();
    t.equal((await lab.ssh({ key: KEYS.alice, gatewayKey: NEXT }).ssh(['shop', 'echo in'])).stdout, 'in\n');
    const late = await lab.ssh({ key: KEYS.alice }).ssh(['shop', 'echo in']);
    t.match({ code: late.code, stdout: late.stdout }, { code: 255, stdout: '' });
    t.match(late.stderr, /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed/);
    await close();

    const { uplink } = await lab.uplink();
    const line = await lab.untilLogged('the gateway was not reached; it is tried again');
    t.match(JSON.parse(line), {
      why: /answers with another host key/,
      next: /if the gateway was set up anew, join the node again/,
    });
    t.notOk(uplink.isConnected);
  },
);

t.test(
  'a node whose key is replaced loses its connection at once, and comes back with the new one',
  async t => {
    const lab = await gatewayLab(t);
    const old = await lab.uplink();
    await old.connected();
    await lab.client.patch(NODE, { name: 'n1' }, 'merge', { spec: { agentKeys: [NEXT.publicKey] } });
    await lab.untilLogged('the key was revoked; its connection is cut', { kind: 'node', name: 'n1' });
    await until(() => !old.uplink.isConnected, soon('the old connection to be gone'));
    const line = await lab.untilLogged('the gateway was not reached; it is tried again');
    t.match(JSON.parse(line), { why: /refused the login/, next: /join again/ });
    const now = await lab.uplink({ key: NEXT });
    await now.connected();
    t.equal((await lab.ssh({ key: KEYS.alice }).ssh(['shop', 'echo in'])).stdout, 'in\n');
    t.notOk(old.uplink.isConnected);
  },
);

const KEY = { name: GATEWAY_CONFIG_MAP, namespace: SYSTEM_NAMESPACE };

/** A gateway whose key is rotated at once, with a node's uplink and a person's session over it. */
async function openLab(t: Test) {
  const dir = mkdtempSync(join(tmpdir(), 'nexus-host-keys-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  let keys = await loadHostKeys(dir);
  const lab = await gatewayLab(t, { hostKey: keys.own });
  const { client } = lab;
  const tell = () => publishGateway(client, { address: 'gateway:3022', hostKeys: keys.published });
  await tell();
  const common = { client, clock: systemClock, log: silentLogger };
  const published = createInformer({ ...common, resource: CONFIG_MAP, namespace: SYSTEM_NAMESPACE });
  const controller = createController({
    ...common,
    reconciler: createHostKeyRotation({
      ...common,
      dir,
      published,
      heardAfterMs: 0,
      async use(now) {
        lab.gateway.setHostKey(now.own);
        keys = now;
        await tell();
      },
    }),
    watches: [watch(published)],
  });
  const stop = new AbortController();
  const running = [published.run(stop.signal), controller.run(stop.signal)];
  t.teardown(async () => {
    stop.abort();
    await Promise.all(running);
  });
  return {
    lab,
    dir,
    keys: () => keys,
    rotateAt: (ms: number | undefined) =>
      client.patch(CONFIG_MAP, KEY, 'merge', {
        metadata: {
          annotations: {
            [ANNOTATION_ROTATE_HOST_KEY]: ms === undefined ? null : new Date(ms).toISOString(),
          },
        },
      }),
    told: async () => {
      const { data, metadata } = await client.get(CONFIG_MAP, KEY);
      return { keys: data?.hostKeys?.trim().split('\n'), annotations: metadata.annotations };
    },
  };
}

t.test('the next key is published first, and answers when its time has come; nobody is cut off', async t => {
  const { lab, dir, keys, rotateAt, told } = await openLab(t);
  const [before] = keys().published;
  await rotateAt(Date.now() + 3_000);
  const both = await until(async () => {
    const { keys = [] } = await told();
    return keys.length === 2 && keys;
  }, soon('both keys to be published'));
  t.equal(both[0], before, 'the present one first');
  const uplink = await lab.uplink({ hostKeys: both });
  await uplink.connected();
  const asKey = (publicKey = '') => ({ privateKey: '', publicKey });
  const login = (publicKey: string | undefined) =>
    lab.ssh({ key: KEYS.alice, gatewayKey: asKey(publicKey) }).ssh(['shop', 'echo in']);
  t.equal((await login(before)).stdout, 'in\n', 'the present one still answers');

  await until(async () => (await told()).annotations?.[ANNOTATION_ROTATE_HOST_KEY] === undefined, soon('it'));
  t.same((await told()).keys, [both[1]], 'the former is not trusted any more');
  t.ok(uplink.uplink.isConnected, 'what was open goes on');
  t.equal((await login(both[1])).stdout, 'in\n');
  t.equal((await login(before)).code, 255);
  t.same(readdirSync(dir), ['ssh_host_ed25519_key'], 'nothing is left');
  t.equal((await loadHostKeys(dir)).own.publicKey, both[1], 'nor is it another one after a restart');
});

t.test('a rotation that is taken back leaves the key as it is', async t => {
  const { dir, keys, rotateAt, told } = await openLab(t);
  const before = keys().published;
  await rotateAt(Date.now() + 3_600_000);
  await until(async () => (await told()).keys?.length === 2, soon('both keys'));
  await rotateAt(undefined);
  await until(async () => (await told()).keys?.length === 1, soon('one key'));
  t.same((await told()).keys, before);
  t.same(readdirSync(dir), ['ssh_host_ed25519_key']);
});

t.test('the command line asks for it, tells it and takes it back', async t => {
  const server = await localServer();
  t.teardown(() => server.close());
  const lines = async () => (await server.cli(['gateway'])).stdout.trim().split('\n');
  t.match(await lines(), [/^address +127\.0\.0\.1:\d+$/, /^host key +SHA256:/]);
  t.match(await server.cli(['gateway', 'rotate-key', '--after=1m']), { code: 2, stderr: /from 10m/ });
  t.match(await server.cli(['gateway', 'rotate-key']), { code: 0, stdout: /another host key from 20/ });
  const told = await until(async () => {
    const all = await lines();
    return all.length === 3 && all;
  }, soon('the next key'));
  t.match(told[2], /^next key +SHA256:\S+, from 20\S+Z$/);
  await server.stopServer();
  await server.startServer();
  t.same((await lines()).slice(1), told.slice(1), 'a restart changes nothing of it');
  t.match(await server.cli(['gateway', 'rotate-key', '--cancel']), { code: 0, stdout: /keeps its host key/ });
  await until(async () => (await lines()).length === 2, soon('the next key to be dropped'));
  t.equal((await lines())[1], told[1]);
});
