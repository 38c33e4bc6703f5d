import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { COMMANDS } from '../../../cli/commands.ts';
import { parseCommandLine } from '../../../cli/parse.ts';
import { createApiServer } from '../../../controller/apiserver/api-server.ts';
import { createClient } from '../../../controller/client/create-client.ts';
import { injectTransport } from '../../../controller/client/inject-transport.ts';
import { loadCrds, loadPolicy } from '../../../controller/defaults.ts';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { readRepoConfig } from '../../../controller/repo-config/read-repo-config.ts';
import { createMemoryStore } from '../../../controller/store/memory.ts';
import { type Resource, USER, WORKSPACE } from '../../../crds/kinds.ts';
import type { KubeObject } from '../../../crds/object.ts';
import { documents, shellCommands } from '../../support/documents.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DOCUMENTS = documents();

/** Reads a command line and runs nothing; resolves with what was printed. Rejects with what is wrong with it. */
async function read(args: string[]): Promise<string> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io = { stdin: Readable.from([]), stdout, stderr, env: {}, cwd: '/' };
  const signal = new AbortController().signal;
  await parseCommandLine(args, { io, signal, home: '/', run: async () => 0 });
  return String(stdout.read() ?? '');
}

const optionsIn = (help: string) =>
  [...help.matchAll(/(?<![\w-])--([a-z][\w-]*)/g)].map(([, name = '']) => name.replace(/^no-/, ''));

/** Options of kubectl, etcd, node and benchmarks. */
const OTHERS = new Set([
  ...['bound-object-kind', 'audience', 'bump-revision', 'random-seed', 'against'],
  ...['max-semi-space-size', 'min-semi-space-size'],
]);

/** Of a command and of what it is for: `node`, `add`. */
const helps = new Map<string, Promise<string>>();
function helpOf(words: string[]): Promise<string> {
  const key = words.join(' ');
  const help = helps.get(key) ?? read([...words, '--help']);
  helps.set(key, help);
  return help;
}

const isOurs = (words: string[]) => /^(\.\/cli\/)?nexus$/.test(words[0] ?? '');
const wordsFirst = (words: string[]) => {
  const end = words.findIndex(word => !/^[a-z][a-z-]*$/.test(word));
  return words.slice(0, end === -1 ? undefined : end);
};

t.test('what the documents have one type is understood as it stands', async t => {
  let count = 0;
  for (const { path, blocks } of DOCUMENTS)
    for (const { language, text, line } of blocks) {
      if (!['sh', 'bash', ''].includes(language)) continue;
      for (const [i, typed] of text.split('\n').entries())
        for (const words of shellCommands(typed).filter(isOurs)) {
          count++;
          await t.resolves(read(words.slice(1)), `${path}:${line + i}: ${words.join(' ')}`);
        }
    }
  t.ok(count > 50, `${count} commands`);
});

t.test('commands and options that are spoken of are there', async t => {
  const all = new Set<string>();
  for (const [name, load] of Object.entries(COMMANDS)) {
    const verbs = Object.keys((await load()).verbs ?? {});
    for (const words of [[name], ...verbs.map(verb => [name, verb])])
      for (const option of optionsIn(await helpOf(words))) all.add(option);
  }
  for (const { path, spans } of DOCUMENTS)
    for (const { text, line } of spans) {
      const where = `${path}:${line}: ${text}`;
      // What may be left out, and what stands for more.
      const plain = text.replace(/[[\]]/g, ' ').replace(/ …/g, ' ');
      const words = plain.split(/\s+/).filter(word => word !== '');
      if (isOurs(words)) {
        const named = wordsFirst(words.slice(1).flatMap(word => word.split('|')[0] ?? []));
        const verbs = Object.keys((await COMMANDS[named[0] ?? '']?.())?.verbs ?? {});
        const meant = named.slice(0, verbs.includes(named[1] ?? '') ? 2 : 1);
        await t.resolves(helpOf(meant), where);
        const options = optionsIn(await helpOf(meant).catch(() => ''));
        const given = words.includes('--') ? words.slice(0, words.indexOf('--')) : words;
        for (const option of optionsIn(given.join(' '))) t.ok(options.includes(option), where);
      } else if (/^--[a-z]/.test(text))
        for (const option of optionsIn(text)) t.ok(all.has(option) || OTHERS.has(option), where);
    }
});

t.test('manifests that are shown are taken, and so is the configuration of a repository', async t => {
  const store = createMemoryStore();
  const server = await createApiServer({ store, crds: loadCrds(), policy: loadPolicy() });
  t.teardown(() => server.close());
  const { token } = await server.tokens.create({ user: 'admin', groups: ['system:masters'] });
  const transport = injectTransport(server.app, { authorization: `Bearer ${token}` });
  const client = createClient({ transport });
  const key = generateSshKey().publicKey.split(' ').slice(0, 2).join(' ');
  let count = 0;
  for (const { path, blocks } of DOCUMENTS)
    for (const { language, text, line } of blocks) {
      if (language !== 'yaml') continue;
      const object = parse(text.replace('ssh-ed25519 AAAA…', key)) as KubeObject & { version?: string };
      const where = `${path}:${line}`;
      if (object.version !== undefined) t.same(readRepoConfig(text).problems, [], where);
      if (!['User', 'Workspace'].includes(object.kind ?? '')) continue;
      count++;
      const resource = (object.kind === 'User' ? USER : WORKSPACE) as Resource<KubeObject>;
      const metadata = { namespace: 'default', ...object.metadata };
      const made = { ...object, metadata: resource.namespaced ? metadata : object.metadata };
      await t.resolves(client.create(resource, made, { dryRun: true }), where);
    }
  t.ok(count > 3, `${count} manifests`);
});

t.test('what a document points to is there', async t => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  const anchorsOf = (file: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter(line => /^#+ /.test(line))
      .map(line =>
        line
          .replace(/^#+ /, '')
          .toLowerCase()
          .replace(/[^\p{L}\p{N} _-]/gu, '')
          .replaceAll(' ', '-'),
      );
  for (const { path, text, spans } of DOCUMENTS) {
    for (const [link, to = ''] of text.matchAll(/\]\(((?!https?:)[^)\s]+)\)/g)) {
      const [file = '', anchor] = to.split('#');
      const target = file === '' ? join(ROOT, path) : join(ROOT, dirname(path), file);
      t.ok(existsSync(target), `${path}: ${link}`);
      if (anchor !== undefined) t.ok(anchorsOf(target).includes(anchor), `${path}: ${link}`);
    }
    for (const { text: span, line } of spans) {
      const [, script] = /^npm run (?:-s )?([\w:-]+)/.exec(span) ?? [];
      if (script) t.ok(Object.hasOwn(scripts, script), `${path}:${line}: ${span}`);
      const [, bench] = /^npm run bench -- ([a-z]+)/.exec(span) ?? [];
      if (bench) t.ok(existsSync(join(ROOT, 'test', 'bench', `${bench}.ts`)), `${path}:${line}: ${span}`);
      if (/^(agent|cli|controller|crds|docs|examples|manifests|test)\/[\w./-]*$/.test(span))
        t.ok(existsSync(join(ROOT, span)), `${path}:${line}: ${span}`);
    }
  }
});
