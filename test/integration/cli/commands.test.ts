import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { parse } from 'yaml';
import { EXIT } from '../../../cli/errors.ts';
import { readKubeconfig } from '../../../controller/client/kubeconfig.ts';
import { updateKubeconfig } from '../../../controller/client/write-kubeconfig.ts';
import { CONFIG_MAP, EVENT, NAMESPACE, PLACEMENT, WORKSPACE } from '../../../crds/kinds.ts';
import { ANNOTATION_RESTARTED_AT, nodeNamespace } from '../../../crds/names.ts';
import { localServer } from '../../support/local-server.ts';
import { freePorts } from '../../support/ports.ts';
import { until } from '../../support/until.ts';

const server = await localServer();
t.teardown(() => server.close());
const { client } = server;
const ws = (name: string) =>
  `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}}\nspec: {driver: memory}\n`;
t.equal((await server.apply(ws('shop'), '--wait')).code, 0);

const startedAt = async () =>
  (await client.get(PLACEMENT, { name: 'shop.default', namespace: nodeNamespace('n1') })).status?.container
    ?.startedAt;

t.test('stop and start wait until it is so, and say when there is nothing to do', async t => {
  t.match(await server.cli(['stop', 'shop']), { code: 0, stdout: 'shop stopping\n' });
  const { status } = await client.get(WORKSPACE, { name: 'shop', namespace: 'default' });
  t.equal(status?.phase, 'Stopped');
  t.match(await server.cli(['stop', 'ws/shop']), { code: 0, stdout: 'shop is stopped already\n' });
  t.match(await server.cli(['restart', 'shop']), { code: EXIT.failed, stderr: /nexus start shop/ });
  for (const args of [
    ['ssh', 'shop'],
    ['exec', 'shop', '--', 'true'],
    ['logs', 'shop'],
    ['port-forward', 'shop', '1'],
  ])
    t.match(
      await server.cli(args),
      { code: EXIT.failed, stderr: /is stopped\nnext: nexus start shop/ },
      args.join(' '),
    );
  t.match(await server.cli(['start', 'shop']), { code: 0, stdout: 'shop starting\n' });
  t.match(await server.cli(['start', 'shop', '--no-wait']), {
    code: 0,
    stdout: 'shop is meant to run already\n',
  });
  t.match(await server.cli(['start', 'nope', 'shop']), { code: EXIT.notFound });
  t.match(await server.cli(['start', 'shop', '--timeout', 'x']), { code: EXIT.usage });
});

t.test('restart waits for the new start of the container, not for the readiness of the old', async t => {
  const before = await startedAt();
  // Starts are told to the second.
  await until(() => Date.now() - Date.parse(before ?? '') > 1000, {
    timeoutMs: 10_000,
    what: () => 'a second',
  });
  t.match(await server.cli(['restart', 'shop']), { code: 0, stdout: 'shop restarting\n' });
  t.not(await startedAt(), before);
  t.match(await server.cli(['restart', 'shop']), { code: 0 }, 'twice within a second');
  const { metadata, status } = await client.get(WORKSPACE, { name: 'shop', namespace: 'default' });
  t.equal(status?.restartedAt, metadata.annotations?.[ANNOTATION_RESTARTED_AT], 'it tells which one it was');
});

t.test('wait ends by condition, phase, field, creation and deletion', async t => {
  const wait = (...args: string[]) => server.cli(['wait', ...args]);
  t.match(await wait('ws/shop'), { code: 0, stdout: 'workspace.nexus.dev/shop condition met\n' });
  t.match(await wait('ws', 'shop', '--for', 'phase=Running'), { code: 0 });
  t.match(await wait('ws', '--all', '--for', 'jsonpath={.spec.driver}=memory'), { code: 0 });
  t.match(await wait('ws/shop', '--for', 'phase=Failed', '--timeout', '200ms'), {
    code: EXIT.timeout,
    stderr: /workspace shop: not phase=Failed within 200ms/,
  });
  t.match(await wait('ws/nope'), { code: EXIT.notFound, stderr: /is not there\nnext: --for create/ });
  t.match(await wait('ws'), { code: EXIT.usage });
  t.match(await wait('ws/shop', '--for', 'soon'), { code: EXIT.usage });
  const cm = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'default' } } as const;
  const created = wait('cm/c', '--for', 'create');
  await client.create(CONFIG_MAP, { ...cm });
  t.match(await created, { code: 0 });
  const deleted = wait('cm/c', '--for', 'delete');
  await client.delete(CONFIG_MAP, cm.metadata);
  t.match(await deleted, { code: 0 });
});

t.test('events tells what happened, to one thing or to all, and goes on', async t => {
  t.match(await server.cli(['events', '--for', 'ws/shop']), {
    code: 0,
    stdout: /^AGE +TYPE +REASON +OBJECT +MESSAGE\n[\s\S]* Normal .* workspace\/shop /,
  });
  t.match(await server.cli(['events', '--types', 'Warning', '-n', 'kube-system']), { stderr: 'no events\n' });
  t.match(await server.cli(['events', '--for', 'shop']), { code: EXIT.usage });
  const abort = new AbortController();
  const follow = server.cli(['events', '-A', '-w'], {
    signal: abort.signal,
    onOutput: text => {
      if (/later/.test(text)) abort.abort('SIGINT');
    },
  });
  await server.apply(ws('later'));
  const { code, stdout } = await follow;
  t.equal(code, EXIT.done);
  t.equal(stdout.match(/^AGE/gm)?.length, 1);
});

t.test('what others wrote moves no cursor, sets no title and answers nobody', async t => {
  const evil = 'a\u001b]0;title\u0007b\u001b[2Jc\u001b[6n\rd\u009b5ne\u007f';
  const about = { kind: 'ConfigMap', name: 'evil', namespace: 'default' };
  const map = await client.create(CONFIG_MAP, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'evil', namespace: 'default', annotations: { told: evil } },
    data: { text: evil },
  });
  await client.create(EVENT, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'evil', namespace: 'default' },
    involvedObject: { ...about, uid: map.metadata.uid },
    reason: 'Evil',
    message: evil,
    type: 'Warning',
  });
  const shown = ['get cm evil -o json', 'get cm evil -o yaml'];
  const texts = new Map<string, string>();
  for (const line of [...shown, 'get events', 'describe cm evil', 'events', 'get cm evil --show-labels']) {
    const { code, stdout, stderr } = await server.cli(line.split(' '));
    t.match({ code, stdout }, { code: 0, stdout: /evil/ }, line);
    t.notMatch(stdout + stderr, /[^\P{Cc}\n\t]/u, line);
    texts.set(line, stdout);
  }
  t.match(texts.get('describe cm evil'), /Evil +a.*b.*c.*d.*e/, 'the words are told');
  for (const line of shown)
    t.match(parse(texts.get(line) ?? ''), { data: { text: evil } }, `${line} says what is there`);
  const { stdout } = await server.cli(['get', 'cm', 'evil', '-o', 'jsonpath={.data.text}']);
  t.equal(stdout, evil, 'a program gets the value itself');
  const refused = await server.cli(['get', 'ws', evil]);
  t.notMatch(refused.stderr, /[^\P{Cc}\n\t]/u, 'errors too');
  await client.delete(CONFIG_MAP, { name: 'evil', namespace: 'default' });
});

t.test('the namespace is that of the flag, of the context, of the preferences, in this order', async t => {
  for (const name of ['preferred', 'ofcontext'])
    await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const where = async (...args: string[]) =>
    (await server.cli(['get', 'cm', ...args])).stderr.match(/in (\S+) namespace/)?.[1];
  t.equal(await where(), 'default');
  t.equal((await server.cli(['config', 'set', 'namespace', 'preferred'])).code, 0);
  t.match(await server.cli(['config', 'get', 'namespace']), { code: 0, stdout: 'preferred\n' });
  t.equal(await where(), 'preferred');
  t.equal((await server.cli(['config', 'set-namespace', 'ofcontext'])).code, 0);
  t.equal(await where(), 'ofcontext');
  t.equal(await where('-n', 'preferred'), 'preferred');
  t.equal((await server.cli(['config', 'unset', 'namespace'])).code, 0);
  t.equal((await server.cli(['config', 'get', 'namespace'])).code, EXIT.notFound);
  t.equal((await server.cli(['config', 'set-namespace', 'default'])).code, 0);
});

t.test('config shows everything with its source and no secret, and switches contexts', async t => {
  const view = await server.cli(['config', 'view'], { env: { NEXUS_LISTEN: '127.0.0.1:9' } });
  t.equal(view.code, 0);
  t.match(view.stdout, /listen +127\.0\.0\.1:9 +# environment\n/);
  t.match(view.stdout, /node-grace +40000 +# default\n/);
  t.notMatch(view.stdout, /nexus_[0-9a-f]{8}/);
  await updateKubeconfig(server.kubeconfig, config => ({
    ...config,
    contexts: [...(config.contexts ?? []), { name: 'other', context: { cluster: 'gone', user: 'nexus' } }],
  }));
  t.match(await server.cli(['config', 'get-contexts']), { code: 0, stdout: /\* +nexus +https.*\n +other/ });
  t.match(await server.cli(['config', 'use-context', 'other']), { code: 0 });
  t.match(await server.cli(['config', 'current-context']), { code: 0, stdout: 'other\n' });
  t.match(await server.cli(['get', 'ws']), { code: EXIT.usage, stderr: /cluster gone/ });
  const env = { NEXUS_CONTEXT: 'nexus' };
  t.match(await server.cli(['get', 'ws'], { env }), { code: 0, stdout: /shop/ });
  t.match(await server.cli(['get', 'ws', '--context', 'nexus']), { code: 0 });
  const address = (await readKubeconfig(server.kubeconfig)).clusters?.[0]?.cluster.server ?? '';
  const by = (NEXUS_SERVER: string, ...args: string[]) =>
    server.cli(['get', 'ws', ...args], { env: { NEXUS_SERVER } });
  t.match(await by(address.replace('https://', '')), { code: 0, stdout: /shop/ });
  t.match(await by('elsewhere.example.com'), {
    code: EXIT.usage,
    stderr: /no login at https:\/\/elsewhere\.example\.com:3001: nexus login/,
  });
  t.match(await by('elsewhere.example.com', '--context', 'nexus'), { code: 0 }, 'a flag comes first');
  t.match(await server.cli(['config', 'use-context', 'nexus']), { code: 0 });
  t.match(await server.cli(['config', 'use-context', 'nope']), {
    code: EXIT.notFound,
    stderr: /there are: nexus, other/,
  });
  for (const wrong of [
    ['use-context'],
    ['set-namespace'],
    ['set', 'namespace'],
    ['set', 'x', 'y'],
    ['get'],
    ['nope'],
  ])
    t.equal((await server.cli(['config', ...wrong])).code, EXIT.usage, wrong.join(' '));
  writeFileSync(join(server.home, 'config.json'), '{');
  t.match(await server.cli(['config', 'get', 'namespace']), {
    code: EXIT.failed,
    stderr: /config\.json cannot be read/,
  });
  t.match(await server.cli(['get', 'ws']), { code: 0 }, 'which keeps nobody from work');
  writeFileSync(join(server.home, 'config.json'), '{"version":1}');
});

t.test('doctor finds what is wrong, and says what to do', async t => {
  const good = await server.cli(['doctor']);
  t.match(good.stdout, /ok +server: ready/);
  t.match(good.stdout, /ok +nodes: 1 ready/);
  const env = { NEXUS_HOME: join(server.home, 'nothing') };
  t.match(await server.cli(['doctor'], { env }), {
    code: EXIT.failed,
    stdout: /FAILED +kubeconfig: .* is not there\n +next: `nexus up`/,
  });
  const { stdout } = await server.cli(['doctor'], { env });
  t.notMatch(stdout, /^\S+ +(server|nodes):/m, 'what needs a server is not looked at without one');
});

t.test('version tells both versions', async t => {
  t.match(await server.cli(['version']), { code: 0, stdout: /^nexus \d.*\nserver v?\d/ });
  t.match(await server.cli(['version', '--client']), { code: 0, stdout: /^nexus .*\n$/ });
  t.match(await server.cli(['version'], { env: { NEXUS_KUBECONFIG: '/none' } }), {
    code: 0,
    stderr: /^server: /,
  });
});

t.test('a backup is written whole, readable for its owner, and restored', async t => {
  const file = join(t.testdir({}), 'b.db');
  t.match(await server.cli(['backup', file]), { code: 0, stdout: /b\.db: \d+(\.\d)? [KM]iB, revision \d+/ });
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.match(await server.cli(['backup', file]), { code: EXIT.conflict, stderr: /--force/ });
  t.match(await server.cli(['backup', file, '--force']), { code: 0 });
  t.match(await server.cli(['restore', file]), { code: EXIT.usage, stderr: /--yes/ });
  t.match(await server.cli(['restore', '/none', '--yes']), { code: EXIT.usage });
  t.match(await server.cli(['restore', file], { tty: true, stdin: 'n\n' }), {
    code: EXIT.failed,
    stderr: /are removed .* Go on\? \[y\/N\] [\s\S]*nothing was restored/,
  });
  t.match(await server.cli(['restore', file], { tty: true, stdin: 'y\n' }), { stdout: /^restored / });
  t.match(await server.cli(['restore', file, '--yes']), { code: 0, stdout: /^restored / });
  t.notOk(existsSync(`${file}.${process.pid}.part`));
  const newer = new DatabaseSync(file);
  newer.exec('PRAGMA user_version = 99');
  newer.close();
  const { code, stderr } = await server.cli(['restore', file, '--yes']);
  t.equal(code, EXIT.failed);
  t.match(stderr, `error: ${file} cannot be restored: the backup was written by a newer version of nexus`);
  t.notMatch(stderr, /restore-[0-9a-f]{12}/, 'the name that it has at the server is nobody’s business');
});

t.test('no access is exit 6, a server out of reach and none at all exit 7', async t => {
  const dir = t.testdir({});
  const copy = async (name: string, change: (server: string) => { token?: string; server: string }) => {
    const config = await readKubeconfig(server.kubeconfig);
    const file = join(dir, name);
    await updateKubeconfig(file, () => {
      const { token, server: at } = change(config.clusters?.[0]?.cluster.server as string);
      return {
        ...config,
        clusters: config.clusters?.map(one => ({ ...one, cluster: { ...one.cluster, server: at } })),
        users: config.users?.map(one => ({ ...one, user: { token: token ?? one.user.token } })),
      };
    });
    return file;
  };
  const stranger = await copy('stranger', at => ({ server: at, token: 'nexus_no' }));
  const unknown = await server.cli(['get', 'ws', '--kubeconfig', stranger]);
  t.match(unknown, { code: EXIT.noAccess, stderr: /next: the token may have been revoked/ });
  const node = join(server.home, 'agent', 'kubeconfig');
  t.match(await server.cli(['get', 'secrets', '-A', '--kubeconfig', node]), {
    code: EXIT.noAccess,
    stderr: /forbidden/i,
  });
  const [port] = await freePorts(1);
  const away = await copy('away', () => ({ server: `https://127.0.0.1:${port}` }));
  t.match(await server.cli(['get', 'ws', '--kubeconfig', away]), {
    code: EXIT.unreachable,
    stderr: /nexus doctor/,
  });
  t.match(await server.cli(['get', 'ws', '--kubeconfig', '/none']), {
    code: EXIT.unreachable,
    stderr: /nexus up/,
  });
});

t.test('every command has a help with an example or its options, and wrong words are corrected', async t => {
  const all = await server.cli(['--help']);
  t.equal(all.code, 0);
  const names = [...all.stdout.matchAll(/^ {2}([a-z-]+) {2}/gm)].map(match => match[1] as string);
  t.ok(names.length >= 25);
  for (const name of names) {
    const { code, stdout } = await server.cli([name, '--help']);
    t.equal(code, 0, name);
    t.match(stdout, /Options:|Examples:/, name);
  }
  t.match(await server.cli(['gte', 'ws']), { code: EXIT.usage, stderr: /did you mean get\?/ });
  t.match(await server.cli([]), { code: EXIT.usage, stderr: /which command/ });
  t.match(await server.cli(['toString']), { code: EXIT.usage });
  t.match(await server.cli(['exec', 'shop', 'ls']), { code: EXIT.usage });
  t.match(await server.cli(['exec', 'shop']), { code: EXIT.usage, stderr: /nexus exec shop -- COMMAND/ });
  t.match(await server.cli(['controller', '--listen', '1', '--workers', '0']), { code: EXIT.usage });
  t.match(await server.cli(['agent', '--drivers', 'nope']), { code: EXIT.usage });
  t.match(await server.cli(['up', '--node-grace', 'x']), { code: EXIT.usage });
});

t.test('a fault of our own is told in a line, with its trace only when asked for', async t => {
  const env = { TMPDIR: '/nonexistent' };
  const plain = await server.cli(['cp', 'a', 'b'], { env });
  t.equal(plain.code, EXIT.usage);
  const traced = await server.cli(['cp', 'a', 'b', '-v'], { env });
  t.match(traced.stderr, /\n {4}at /);
});
