import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readApplyFlags } from '../../../cli/commands/apply-flags.ts';
import { readGetFlags } from '../../../cli/commands/get-flags.ts';
import { noteMissingImage } from '../../../cli/up/missing-image.ts';
import { cli } from '../../support/run-cli.ts';
import { until } from '../../support/until.ts';

t.test('an image that the engine lacks is told, with what makes it; one that it has is not', async t => {
  // A socket's path is short.
  const folder = mkdtempSync(join(tmpdir(), 'nexus-engine-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'engine.sock');
  const asked: string[] = [];
  const engine = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(request.url?.includes('there') ? 200 : 404).end('{}');
  }).listen(socket);
  await once(engine, 'listening');
  t.teardown(() => engine.close());
  const notes: string[] = [];
  noteMissingImage('there:1', socket, line => notes.push(line));
  noteMissingImage('registry.example.com/a/b:1', socket, line => notes.push(line));
  await until(() => notes.length > 0 && asked.length === 2, { timeoutMs: 5000, what: () => `${asked}` });
  t.same(notes.length, 1);
  t.match(notes[0], /registry\.example\.com\/a\/b:1, is not on the engine; `nexus image` makes it/);
  t.ok(asked.includes('/images/registry.example.com%2Fa%2Fb%3A1/json'));
});

t.test('-f - names standard input, wherever it stands', async t => {
  for (const args of [
    ['apply', '-f', '-'],
    ['apply', '--wait', '--filename', '-'],
    ['apply', '-f', '-', '--dry-run'],
  ]) {
    const { code, stderr } = await cli(args, { stdin: '{', env: { NEXUS_HOME: t.testdir({}) } });
    t.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    t.notMatch(stderr, /Not enough arguments/i);
  }
});

t.test('a plain command line is read, with the defaults of what is not said', async t => {
  t.match(readGetFlags(['get', 'ws', 'a', 'b', '-Ao', 'name', '-l', 'x=y', '--no-headers']), {
    _: ['get'],
    resource: 'ws',
    names: ['a', 'b'],
    allNamespaces: true,
    output: 'name',
    selector: 'x=y',
    headers: false,
    watch: false,
    verbose: false,
    ignoreNotFound: false,
  });
  t.match(readGetFlags(['get', '-n', 'team', '--field-selector=a=b', 'ws', '-w']), {
    namespace: 'team',
    fieldSelector: 'a=b',
    watch: true,
  });
});

t.test('whatever is not plain is left to yargs', async t => {
  for (const argv of [
    [],
    ['get'],
    ['apply', '-f', 'x'],
    ['-n', 'team', 'get', 'ws'],
    ['get', 'ws', '--help'],
    ['get', 'help'],
    ['get', 'ws', '--nonsense'],
    ['get', 'ws', '-o=json'],
    ['get', 'ws', '-o', ''],
    ['get', 'ws', '-o'],
    ['get', 'ws', '--watch=false'],
    ['get', 'ws', '-n', 'a', '-n', 'b'],
    ['get', 'ws', '--', 'a'],
    ['get', ''],
  ])
    t.equal(readGetFlags(argv), undefined, argv.join(' '));
});

t.test('apply is read as well: files in their order, standard input, the defaults', async t => {
  t.match(readApplyFlags(['apply', '-f', 'a.yaml', '--filename=b', '-Rf', '-', '--wait', '-n', 'team']), {
    _: ['apply'],
    filename: ['a.yaml', 'b', '-'],
    recursive: true,
    wait: true,
    timeout: '5m',
    namespace: 'team',
    dryRun: false,
    prune: false,
  });
  for (const argv of [
    ['apply'],
    ['apply', 'a.yaml'],
    ['apply', '-f'],
    ['apply', '-f', 'a', 'b'],
    ['apply', '-f', 'a', '-l', 'x', '-l', 'y'],
    ['apply', '-f', 'a', '--dry-run=server'],
    ['get', '-f', 'a'],
  ])
    t.equal(readApplyFlags(argv), undefined, argv.join(' '));
});
