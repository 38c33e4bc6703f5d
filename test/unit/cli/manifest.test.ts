import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { CliError, EXIT } from '../../../cli/errors.ts';
import { parseManifests, readManifests } from '../../../cli/manifest/read.ts';

const ws = (name: string) =>
  `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}}\nspec: {}\n`;
const none = Readable.from([]);

function refused(text: string): CliError {
  try {
    parseManifests(text, 'f.yaml');
  } catch (error) {
    if (error instanceof CliError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

t.test('many documents, lists and empty documents are taken apart in order', async t => {
  const list = `apiVersion: v1\nkind: List\nitems:\n- ${ws('c').trim().replaceAll('\n', '\n  ')}\n`;
  const found = parseManifests(`---\n${ws('a')}---\n---\n# nothing\n---\n${ws('b')}---\n${list}`, 'f.yaml');
  t.same(
    found.map(({ object }) => object.metadata.name),
    ['a', 'b', 'c'],
  );
});

t.test('JSON is read as well', async t => {
  t.equal(
    parseManifests('{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"}}', 'f.json')[0]?.object.kind,
    'Secret',
  );
});

const BAD: { reason: string; text: string; where?: RegExp }[] = [
  {
    reason: 'malformed YAML is told with line and column',
    text: 'apiVersion: v1\nkind: [',
    where: /f\.yaml:\d+:\d+/,
  },
  {
    reason: 'a key given twice is an error, not a choice',
    text: `${ws('a')}spec: {running: true}\n`,
    where: /f\.yaml:\d+:\d+/,
  },
  {
    reason: 'a tab as indent is an error',
    text: 'apiVersion: v1\nkind: Secret\nmetadata:\n\tname: x\n',
    where: /f\.yaml:4/,
  },
  { reason: 'a plain text is no object', text: 'hello' },
  { reason: 'a list is no object', text: '- a\n- b\n' },
  {
    reason: 'a manifest without kind is refused',
    text: 'apiVersion: v1\nmetadata: {name: a}\n',
    where: /kind/,
  },
  {
    reason: 'a manifest without apiVersion is refused',
    text: 'kind: Secret\nmetadata: {name: a}\n',
    where: /apiVersion/,
  },
  {
    reason: 'a manifest without a name is refused',
    text: 'apiVersion: v1\nkind: Secret\n',
    where: /metadata\.name/,
  },
  { reason: 'aliases that blow up are cut off', text: bomb() },
  {
    reason: 'an object beyond what a server takes is refused here',
    text: `${ws('a')}data: "${'x'.repeat(5 * 1024 * 1024)}"\n`,
    where: /MiB/,
  },
];

function bomb(): string {
  const levels = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++)
    levels.push(
      `${String.fromCharCode(97 + i)}: &${String.fromCharCode(97 + i)} [${Array(10)
        .fill(`*${String.fromCharCode(96 + i)}`)
        .join(', ')}]`,
    );
  return `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n${levels.join('\n')}\n`;
}

for (const { reason, text, where } of BAD) {
  t.test(reason, async t => {
    const error = refused(text);
    t.equal(error.exitCode, EXIT.usage);
    if (where) t.match(error.message, where);
  });
}

t.test('a folder is read in name order, other files and folders below left out unless asked for', async t => {
  const dir = t.testdir({
    'b.yaml': ws('b'),
    'a.yml': ws('a'),
    'notes.txt': 'no',
    below: { 'c.yaml': ws('c') },
  });
  t.same(
    (await readManifests([dir], none)).map(({ object }) => object.metadata.name),
    ['a', 'b'],
  );
  t.same(
    (await readManifests([dir], none, { recursive: true })).map(({ object }) => object.metadata.name),
    ['a', 'b', 'c'],
  );
});

t.test('standard input is read for -', async t => {
  t.equal((await readManifests(['-'], Readable.from([Buffer.from(ws('x'))])))[0]?.source, 'stdin:1');
});

t.test('a missing file, an empty folder and nothing at all are wrong use', async t => {
  const dir = t.testdir({});
  mkdirSync(join(dir, 'empty'));
  writeFileSync(join(dir, 'blank.yaml'), '\n');
  for (const paths of [[join(dir, 'nope.yaml')], [join(dir, 'empty')], [join(dir, 'blank.yaml')], []]) {
    await t.rejects(readManifests(paths, none), { name: 'CliError', exitCode: EXIT.usage });
  }
});
