import type { Metafile } from 'esbuild';
import t from 'tap';
import { assignPacks } from '../../../manifests/release/packs.ts';

type Imports = Record<string, 'static' | 'dynamic'>;

/** A bundle's chunks: what each begins with, if anything, and what it imports. */
function metafile(chunks: Record<string, { entry?: string; imports?: Imports }>): Metafile {
  const outputs = Object.entries(chunks).map(([chunk, { entry, imports = {} }]) => [
    chunk,
    {
      bytes: 1,
      exports: [],
      inputs: { [`${chunk}.ts`]: { bytesInOutput: 1 } },
      ...(entry && { entryPoint: entry }),
      imports: [
        { path: 'node:fs', kind: 'import-statement', external: true },
        ...Object.entries(imports).map(([path, kind]) => ({
          path,
          kind: kind === 'static' ? 'import-statement' : 'dynamic-import',
        })),
      ],
    },
  ]);
  return { inputs: {}, outputs: Object.fromEntries(outputs) } as Metafile;
}

const CHUNKS = metafile({
  main: { entry: 'main.ts', imports: { kit: 'static', get: 'dynamic', parse: 'dynamic' } },
  get: { entry: 'cli/get.ts', imports: { kit: 'static', table: 'static', watch: 'dynamic' } },
  watch: { entry: 'cli/watch.ts', imports: { kit: 'static' } },
  table: {},
  parse: { entry: 'cli/parse.ts', imports: { kit: 'static', server: 'dynamic', agent: 'dynamic' } },
  server: { entry: 'server.ts', imports: { kit: 'static', yaml: 'static', store: 'static', odd: 'dynamic' } },
  agent: { entry: 'agent.ts', imports: { kit: 'static', yaml: 'static' } },
  odd: { entry: 'odd.ts', imports: { store: 'static', oddest: 'static' } },
  kit: {},
  yaml: {},
  store: {},
  oddest: {},
});
const PLAN = {
  first: [
    ['get', 'main.ts', 'cli/get.ts'],
    ['cli', /^cli\//],
  ] as [string, ...(string | RegExp)[]][],
  others: [
    ['server', 'server.ts'],
    ['agent', 'agent.ts'],
  ] as [string, ...string[]][],
  rest: 'rest',
};

t.test(
  'what is needed first has a pack of its own, what several of the others need one of theirs, and nothing is left out',
  t => {
    const { packs, start } = assignPacks(CHUNKS, PLAN);
    t.equal(start, 'main');
    t.same(Object.fromEntries(packs), {
      main: 'get',
      get: 'get',
      kit: 'get',
      table: 'get',
      watch: 'cli',
      parse: 'cli',
      server: 'server',
      agent: 'agent',
      yaml: 'server-agent',
      store: 'server-rest',
      odd: 'rest',
      oddest: 'rest',
    });
    t.end();
  },
);

t.test('the sources that a command depends on are those it may load, not those of other commands', t => {
  const { inputsOf } = assignPacks(CHUNKS, PLAN);
  t.same(inputsOf('cli/get.ts'), ['get.ts', 'kit.ts', 'main.ts', 'table.ts', 'watch.ts']);
  t.end();
});

t.test('what two of the others name is of the first', t => {
  const { packs } = assignPacks(CHUNKS, { ...PLAN, others: [...PLAN.others, ['more', /^(agent|odd)\.ts/]] });
  t.equal(packs.get('agent'), 'agent');
  t.equal(packs.get('odd'), 'more');
  t.equal(packs.get('store'), 'server-more');
  t.end();
});

t.test('a plan for a module that is not there fails', t => {
  t.throws(() => assignPacks(CHUNKS, { ...PLAN, others: [['gateway', 'gateway.ts']] }), /gateway\.ts/);
  t.end();
});
