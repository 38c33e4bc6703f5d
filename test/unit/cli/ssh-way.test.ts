import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t, { type Test } from 'tap';
import type { CommandContext } from '../../../cli/command.ts';
import { EXIT } from '../../../cli/errors.ts';
import { gatewayProxy } from '../../../cli/ssh/options.ts';
import { reachFile } from '../../../cli/ssh/places.ts';
import type { PublishedHost } from '../../../cli/ssh/published.ts';
import { forgetReach } from '../../../cli/ssh/reach.ts';
import { chooseWay } from '../../../cli/ssh/way.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const key = generateSshKey();
const stranger = generateSshKey();
const published = ({ publicKey }: typeof key) => publicKey.split(' ').slice(0, 2).join(' ');

/** Counts who comes; speaks SSH with a host key, or something else. */
async function server(
  t: Test,
  who: typeof key | 'no ssh' | 'silent',
): Promise<{ port: number; count: () => number }> {
  let count = 0;
  const answers =
    who === 'no ssh' || who === 'silent'
      ? undefined
      : new ssh2.Server({ hostKeys: [who.privateKey] }, client => client.on('error', () => {}));
  const listening: Server = createServer(socket => {
    count++;
    socket.on('error', () => {});
    if (answers) answers.injectSocket(socket);
    else if (who === 'no ssh') socket.end('220 mail\r\n');
  }).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  t.teardown(() => listening.close());
  return { port: (listening.address() as { port: number }).port, count: () => count };
}

function world(t: Test, gateway?: Record<string, string> | ApiError) {
  const home = mkdtempSync(join(tmpdir(), 'w-'));
  t.teardown(() => rmSync(home, { recursive: true }));
  const clock = new FakeClock();
  const context = {
    ...{ home, clock, signal: new AbortController().signal },
    client: async () => ({
      async get() {
        if (gateway instanceof ApiError) throw gateway;
        if (!gateway) throw new ApiError('NotFound', 'no');
        return { data: gateway };
      },
      raw: async () => ({ text: '{"status":{"userInfo":{"username":"alice"}}}' }),
    }),
  } as unknown as CommandContext;
  const at = (port: number): PublishedHost => ({
    ...{ name: 'shop', namespace: 'default', host: '127.0.0.1', port, user: 'dev' },
    hostKeys: [published(key)],
  });
  return { home, clock, context, at };
}

t.test('the direct way is taken when the published key answers, and not asked for again', async t => {
  const node = await server(t, key);
  const { home, clock, context, at } = world(t);
  t.same(await chooseWay(at(node.port), context), { kind: 'direct' });
  const first = node.count();
  t.ok(first > 0);
  t.same(await chooseWay(at(node.port), context), { kind: 'direct' });
  t.equal(node.count(), first);
  await clock.advance(600_000);
  await chooseWay(at(node.port), context);
  t.ok(node.count() > first, 'ten minutes later it is');
  const then = node.count();
  await forgetReach(at(node.port), home);
  await chooseWay(at(node.port), context);
  t.ok(node.count() > then, 'and after a connection that failed');
});

t.test('another machine at the address is not the workspace: the gateway is', async t => {
  const node = await server(t, stranger);
  const jump = await server(t, key);
  const gateway = { address: `127.0.0.1:${jump.port}`, hostKeys: published(key) };
  const { context, at } = world(t, gateway);
  const way = await chooseWay(at(node.port), context);
  t.match(way, {
    kind: 'gateway',
    gateway: { port: jump.port, user: 'alice' },
    why: /another machine answers there/,
  });
});

t.test('what was tried is told, and why each failed', async t => {
  const mail = await server(t, 'no ssh');
  const { port } = await server(t, stranger);
  for (const [gateway, why] of [
    [undefined, 'the server has none'],
    [new ApiError('Forbidden', 'no'), 'you may not read where it is'],
    [{ address: '', hostKeys: published(key) }, /a gateway without an address/],
    [{ address: '127.0.0.1:1', hostKeys: '' }, /a gateway without host keys/],
    [{ address: 'nonsense', hostKeys: published(key) }, /"nonsense" is no HOST:PORT/],
    [{ address: '127.0.0.1:1', hostKeys: published(key) }, /127\.0\.0\.1:1: nothing listens there/],
    [{ address: `127.0.0.1:${port}`, hostKeys: published(key) }, /another machine answers there/],
  ] as const) {
    const { context, at } = world(t, gateway);
    const failed = await chooseWay(at(mail.port), context).catch(error => error);
    t.match(failed, { name: 'CliError', exitCode: EXIT.unreachable, next: /describe ws shop/ });
    t.match(
      failed.message,
      new RegExp(`^no way to shop.default:\n  direct, to 127.0.0.1:${mail.port}: it speaks no SSH`),
    );
    t.match(failed.message, why);
  }
});

t.test(
  'what takes the connection and is slow to say its key is left to ssh, if nothing better is there',
  async t => {
    const node = await server(t, 'silent');
    const jump = await server(t, key);
    const alone = world(t);
    const beside = world(t, { address: `127.0.0.1:${jump.port}`, hostKeys: published(key) });
    const busy = world(t, { address: `127.0.0.1:${node.port}`, hostKeys: published(key) });
    const [direct, gateway, forced] = await Promise.all([
      chooseWay(alone.at(node.port), alone.context),
      chooseWay(beside.at(node.port), beside.context),
      chooseWay(busy.at(1), busy.context, { via: 'gateway' }),
    ]);
    t.same(direct, { kind: 'direct' });
    t.match(gateway, { kind: 'gateway', why: /no host key within 3 s/ });
    t.match(forced, { kind: 'gateway', gateway: { port: node.port } });
    t.notOk(existsSync(reachFile(alone.home)), 'and is asked anew the next time');
  },
);

t.test('a way that is forced is not argued with', async t => {
  const { home, context, at } = world(t, { address: '127.0.0.1:1', hostKeys: published(key) });
  t.same(await chooseWay(at(1), context, { via: 'direct' }), { kind: 'direct' });
  t.notOk(existsSync(reachFile(home)));
  await t.rejects(chooseWay(at(1), context, { via: 'gateway' }), { message: /^((?!direct)[\s\S])*$/ });
});

t.test('what failed a while ago is looked at again before anything is given up', async t => {
  const { context, at } = world(t);
  const closed = await server(t, key);
  const before = createServer().listen(0, '127.0.0.1');
  await once(before, 'listening');
  const { port } = before.address() as { port: number };
  before.close();
  await once(before, 'close');
  await t.rejects(chooseWay(at(port), context));
  const late = createServer(socket => {
    socket.on('error', () => {});
    new ssh2.Server({ hostKeys: [key.privateKey] }, client => client.on('error', () => {})).injectSocket(
      socket,
    );
  }).listen(port, '127.0.0.1');
  await once(late, 'listening');
  t.teardown(() => late.close());
  t.same(await chooseWay(at(port), context), { kind: 'direct' });
  t.equal(closed.count(), 0);
});

t.test('the jump by way of the gateway survives two shells and two configurations', async t => {
  const gateway = { host: 'gw', port: 3022, user: 'alice', hostKeys: [published(key)] };
  for (const odd of ['/h/plain', '/h/a b', "/h/it's", '/h/50%', '/h/a"b']) {
    const [, line] = gatewayProxy(gateway, {
      alias: 'shop.default',
      knownHostsFile: `${odd}/k`,
      identities: [],
    });
    // What the outer ssh does with it, and then its shell.
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${line.replaceAll('%%', '%')}`], {
      encoding: 'utf8',
    }).split('\n');
    t.equal(words[0], 'ssh');
    const args = [...words.slice(1, -1).filter(word => word !== '-W' && word !== 'shop.default:22'), '-G'];
    const out = execFileSync('ssh', ['-F', 'none', ...args], { encoding: 'utf8' });
    t.match(out, `\nuserknownhostsfile ${odd}/k\n`, odd);
    t.match(out, /^hostname gw$/m);
    t.match(out, /^user alice$/m);
  }
});
