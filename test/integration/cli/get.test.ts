import { spawnSync } from 'node:child_process';
import t from 'tap';
import { parse } from 'yaml';
import { EXIT } from '../../../cli/errors.ts';
import { CONFIG_MAP, NAMESPACE, WORKSPACE } from '../../../crds/kinds.ts';
import { localServer } from '../../support/local-server.ts';
import { until } from '../../support/until.ts';

const server = await localServer();
t.teardown(() => server.close());
const { client } = server;

const hasKubectl = !spawnSync('kubectl', ['version', '--client']).error;
const unlessKubectl = hasKubectl ? {} : { skip: 'kubectl is not installed' };
/** kubectl is another process, and the server is in this one. */
const kubectl = async (...args: string[]) => {
  const { execFile } = await import('node:child_process');
  const env = { PATH: process.env.PATH, HOME: server.home, KUBECONFIG: server.kubeconfig };
  return new Promise<{ code: number; stdout: string; stderr: string }>(resolve =>
    execFile('kubectl', args, { env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    ),
  );
};

const make = (name: string, namespace = 'default', labels: Record<string, string> = {}) =>
  client.create(WORKSPACE, {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Workspace',
    metadata: { name, namespace, labels },
    spec: { driver: 'memory' },
  });
await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
await make('blog', 'default', { tier: 'web' });
await make('a-rather-long-name', 'default', { tier: 'db' });
await make('shop', 'team', { tier: 'web' });
for (const [name, namespace] of [
  ['blog', 'default'],
  ['a-rather-long-name', 'default'],
  ['shop', 'team'],
] as const)
  await until(async () => (await client.get(WORKSPACE, { name, namespace })).status?.phase === 'Running', {
    timeoutMs: 15_000,
    what: () => `${name} to run`,
  });

/** Ages move on between two looks. */
const ageless = (text: string) =>
  text
    .replace(/\b(\d+[smhdy])+(?= |$)/gm, 'AGE')
    .replace(/ +$/gm, '')
    .trimEnd();

t.test('tables, names and JSON are those that kubectl shows', unlessKubectl, async t => {
  for (const args of [
    ['get', 'workspaces'],
    ['get', 'ws', '-o', 'wide'],
    ['get', 'ws', '-A'],
    ['get', 'ws', '-A', '-o', 'wide', '--show-labels'],
    ['get', 'ws', '--no-headers'],
    ['get', 'ws', '-l', 'tier=web', '-A'],
    ['get', 'ws', '-n', 'team'],
    ['get', 'ws', 'blog', 'a-rather-long-name'],
    ['get', 'ws', '-o', 'name'],
    ['get', 'ws/blog', '-o', 'name'],
    ['get', 'ws,cm', '-o', 'name'],
    ['get', 'ws,namespaces'],
    ['get', 'ws', '--field-selector', 'status.phase=Running'],
    ['get', 'ws', 'blog', '-o', 'jsonpath={.status.phase}{"\\n"}'],
    ['get', 'ws', '-o', 'jsonpath={range .items[*]}{.metadata.name} {end}'],
  ]) {
    const theirs = await kubectl(...args);
    const ours = await server.cli(args);
    t.equal(ageless(ours.stdout), ageless(theirs.stdout), args.join(' '));
    t.equal(ours.code, theirs.code);
  }
  for (const args of [
    ['get', 'ws', 'blog', '-o', 'json'],
    ['get', 'ws', '-o', 'json'],
    ['get', 'secrets', '-A', '-o', 'json'],
  ])
    t.equal((await server.cli(args)).stdout, (await kubectl(...args)).stdout, args.join(' '));
  const yaml = ['get', 'ws', 'blog', '-o', 'yaml'];
  t.same(parse((await server.cli(yaml)).stdout), parse((await kubectl(...yaml)).stdout));
  const none = ['get', 'cm', '-n', 'nowhere'];
  t.equal((await server.cli(none)).stderr, (await kubectl(...none)).stderr);
});

t.test('what is read quickly and what yargs reads is the same', async t => {
  for (const [quick, slow] of [
    [
      ['get', 'ws', '-A', '-o', 'name'],
      ['--verbose', 'get', 'ws', '-A', '--output=name'],
    ],
    [
      ['get', 'ws', '-n', 'team', '-oname'],
      ['-n', 'team', 'get', 'ws', '-o=name'],
    ],
    [
      ['get', 'ws', '-n', 'team', '-o', 'name'],
      ['get', 'ws', '-n', 'other', '-n', 'team', '-o', 'name'],
    ],
    [
      ['get', 'ws', 'blog', '--no-headers'],
      ['get', 'ws', 'blog', '--headers=false'],
    ],
  ] as const) {
    const [a, b] = [await server.cli([...quick]), await server.cli([...slow])];
    t.equal(a.code, 0, a.stderr);
    t.same(ageless(b.stdout), ageless(a.stdout), slow.join(' '));
  }
});

t.test('what is not there is told with exit 3, and what is there is shown all the same', async t => {
  const mixed = await server.cli(['get', 'ws', 'blog', 'nope', '-o', 'name']);
  t.match(mixed, { code: EXIT.notFound, stdout: 'workspace.nexus.dev/blog\n', stderr: /"nope" not found/ });
  t.match(await server.cli(['get', 'ws', 'nope', '--ignore-not-found']), { code: 0, stdout: '', stderr: '' });
  t.match(await server.cli(['get', 'ws', 'nope', '--ignore-not-found', '-o', 'yaml']), {
    code: 0,
    stdout: '',
  });
});

t.test('wrong use is told before anything is asked, with what is right', async t => {
  for (const args of [
    ['get'],
    ['get', 'ws', '-o', 'xml'],
    ['get', 'ws', 'blog', '-A'],
    ['get', 'ws', '--nonsense'],
    ['get', 'ws/'],
    ['-A', 'get', 'ws'],
    ['get', 'gizmos'],
    ['get', 'ws,nodes', '-w'],
    ['get', 'ws', '--watch=yes'],
  ]) {
    const { code, stderr } = await server.cli(args);
    t.equal(code, EXIT.usage, args.join(' '));
    t.match(stderr, /^error: .+/, args.join(' '));
  }
});

t.test('get -w shows what there is, then changes, and goes on after the server was away', async t => {
  const abort = new AbortController();
  let seen = '';
  const follow = server.cli(['get', 'ws', '-w', '-l', 'tier=watched'], {
    signal: abort.signal,
    onOutput: text => {
      seen = text;
    },
  });
  const saw = (pattern: RegExp) =>
    until(() => pattern.test(seen), { timeoutMs: 15_000, what: () => `${pattern} in\n${seen}` });
  await make('watched', 'default', { tier: 'watched' });
  await saw(/^NAME +PHASE.*\nwatched /);
  await saw(/watched +Running +0\/0/);
  await server.stopServer();
  await server.startServer();
  await client.patch(WORKSPACE, { name: 'watched', namespace: 'default' }, 'merge', {
    spec: { running: false },
  });
  await saw(/watched +Stopped/);
  t.equal(seen.match(/NAME/g)?.length, 1, 'one header');
  abort.abort('SIGINT');
  t.equal((await follow).code, EXIT.done);
});

t.test('get -w of one object, as documents, and of changes alone', async t => {
  const abort = new AbortController();
  const cm = (name: string, n: number) =>
    client.apply(
      CONFIG_MAP,
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default' },
        data: { n: String(n) },
      },
      { fieldManager: 'test' },
    );
  await cm('followed', 1);
  const names = server.cli(['get', 'cm/followed', '-w', '-o', 'yaml'], {
    signal: abort.signal,
    onOutput: text => {
      if (/n: "2"/.test(text)) abort.abort('SIGINT');
      else if (/n: "1"/.test(text)) void cm('followed', 2);
    },
  });
  t.match(await names, {
    code: 0,
    stdout: /^---\napiVersion: v1\ndata:\n {2}n: "1"\nkind: ConfigMap[\s\S]*\n---\n[\s\S]*n: "2"/,
  });
  const only = new AbortController();
  const changes = server.cli(['get', 'cm', '--watch-only', '-o', 'name'], {
    signal: only.signal,
    onOutput: () => only.abort('SIGINT'),
  });
  await until(
    async () => {
      await cm('news', Math.random());
      return only.signal.aborted;
    },
    { timeoutMs: 10_000, what: () => 'a change' },
  );
  t.equal((await changes).stdout.split('\n')[0], 'configmap/news');
  t.match(await server.cli(['get', 'ws', 'nope', '-w']), { code: EXIT.notFound, stderr: /"nope" not found/ });
});

t.test('lists that come in pages are shown whole', async t => {
  await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'many' } });
  const one = (i: number) =>
    client.create(CONFIG_MAP, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `c${i}`, namespace: 'many' },
    });
  for (let i = 0; i < 620; i += 62) await Promise.all(Array.from({ length: 62 }, (_, k) => one(i + k)));
  t.equal(
    (await server.cli(['get', 'cm', '-n', 'many', '--no-headers'])).stdout.trim().split('\n').length,
    620,
  );
  t.equal(
    (await server.cli(['get', 'cm', '-n', 'many', '-o', 'name'])).stdout.trim().split('\n').length,
    620,
  );
});

t.test('describe tells conditions and events; explain tells fields', async t => {
  t.match(await server.cli(['describe', 'ws', 'blog']), {
    code: 0,
    stdout:
      /Name: +blog[\s\S]*Phase: +Running[\s\S]*SSH: +dev@127\.0\.0\.1:\d+[\s\S]*Ready +True[\s\S]*Events:\n/,
  });
  t.match(await server.cli(['describe', 'ws']), { code: 0, stdout: /Name: +a-rather[\s\S]*Name: +blog/ });
  t.match(await server.cli(['describe', 'node', 'n1']), {
    code: 0,
    stdout: /^Status: +Ready$[\s\S]*^Conditions:/m,
  });
  t.match(await server.cli(['describe', 'ws', 'nope']), { code: EXIT.notFound });
  await server.apply('apiVersion: v1\nkind: Secret\nmetadata: {name: hidden}\nstringData: {a: topsecret}\n');
  const secret = await server.cli(['describe', 'secret', 'hidden']);
  t.match(secret.stdout, /a: 9 bytes/);
  t.notMatch(secret.stdout, /topsecret|dG9wc2Vj/);
  await server.apply(
    `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: full}\nspec: {driver: memory, services: [{name: web, command: x, port: 80}], ports: [{name: debug, port: 9229}], resources: {cpu: "1"}}\n`,
    '--wait',
  );
  t.match(await server.cli(['describe', 'ws/full']), {
    code: 0,
    stdout: /Resources: +cpu 1[\s\S]*web +Running[\s\S]*debug +9229 → \d+/,
  });
  t.match(await server.cli(['explain', 'ws.spec.services.healthCheck']), {
    code: 0,
    stdout: /FIELD: +healthCheck <object>[\s\S]*http\s+<object>/i,
  });
  t.match(await server.cli(['explain', 'ws', '--recursive']), { code: 0, stdout: /\n {6}\w+/ });
  t.match(await server.cli(['explain', 'secret.data']), { code: 0, stdout: /map\[string\]/ });
  t.match(await server.cli(['explain', 'ws.spec.nope']), {
    code: EXIT.notFound,
    stderr: /ws\.spec has no field "nope"\nnext: it has: .*services/,
  });
});

t.test('completion offers commands, kinds and names, and nothing when the server is away', async t => {
  const complete = async (...words: string[]) =>
    (await server.cli(['--get-yargs-completions', 'nexus', ...words])).stdout.split('\n');
  t.ok((await complete('')).some(line => line.startsWith('apply')));
  t.ok((await complete('get', '')).includes('workspaces'));
  t.ok((await complete('get', 'ws', '')).includes('blog'));
  t.ok((await complete('ssh', '')).includes('blog'));
  t.ok((await complete('ssh', '-n', 'team', '')).includes('shop'));
  t.ok((await complete('get', '--')).includes('--all-namespaces'));
  t.same(await complete('nope', ''), ['']);
  t.match((await server.cli(['completion'])).stdout, /complete .*nexus/);
  const away = await server.cli(['--get-yargs-completions', 'nexus', 'ssh', ''], {
    env: { NEXUS_KUBECONFIG: '/nonexistent' },
  });
  t.equal(away.code, 0);
  t.notMatch(away.stdout, /blog/);
});
