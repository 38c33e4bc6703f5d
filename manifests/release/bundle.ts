import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin, transform } from 'esbuild';
import { assignPacks, type PackPlan } from './packs.ts';

/** What a bundle says of itself; see controller/kit/program.ts. */
export interface About {
  version: string;
  commit?: string;
  modified?: boolean;
}

/** The program in few files, by their names, and what the loader needs to know to run them. */
export interface Bundle {
  files: Map<string, string>;
  start: string;
  /** Chunk → pack. */
  chunks: Record<string, string>;
  /** Files of the project that it was made from: all, and those that a command typed often runs, by its name. */
  inputs: { all: string[]; commands: Record<string, string[]> };
  /** Packages of others that are in it. */
  packages: string[];
}

const ENTRY = `import { runProcess } from './cli/main.ts'; void runProcess();`;

/** A pack is loaded whole, when the first of its chunks is asked for: what is started most often, and waited for, is first. */
const PLAN: PackPlan = {
  first: [
    ['get', 'release-entry.ts', 'cli/commands/get.ts'],
    ['apply', 'cli/commands/apply.ts'],
    ['service', /^cli\/commands\/(service-flags|controller|agent)\.ts/],
  ],
  others: [
    [
      'cli',
      'cli/parse.ts',
      'controller/kit/jsonpath.ts',
      /^cli\/(?!commands\/(up|doctor|image|cp|port-forward)\.ts)/,
    ],
    ['more', /^cli\//],
    ['server', 'controller/main.ts'],
    ['agent', 'agent/main.ts', /^agent\//],
    ['x509', /^controller\/apiserver\/(x509|certificates)\.ts/],
  ],
  rest: 'rest',
};

const OFTEN = ['get', 'apply'];

/** Read while the program runs, by readShipped(). */
const SHIPPED = ['crds', 'agent/guest/program', 'manifests/image', 'manifests/rbac', 'manifests/systemd'];
const SHIPPED_FILE = /\.(yaml|jsonl?|sh|service|txt)$|\/Dockerfile$/;
/** Started by startThread(). */
const THREADS = ['controller/store/sqlite/worker.ts'];
/** The one file that may ask where it lies, as it knows releases. */
const KNOWS_RELEASES = 'controller/kit/program.ts';

/** Parts of packages that are compiled on the machine where they are installed. Those that have them do without. */
const NO_NATIVE_PARTS: Plugin = {
  name: 'no-native-parts',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.node$|^cpu-features$/ }, ({ path }) => ({ path, namespace: 'native' }));
    onLoad({ filter: /.*/, namespace: 'native' }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`a release of nexus does not carry ${path}`)})`,
    }));
  },
};

/** What packages load for those who use more of them: what `importer` asks for, and what it is given. */
const NARROWED: { importer: RegExp; asked: string; given: string }[] = [
  {
    // Every kind and call of Kubernetes, where two are used: most of what would be bundled.
    importer: /@kubernetes\/client-node\/dist\/config\.js$/,
    asked: './gen/index.js',
    given: `export { createConfiguration } from './gen/configuration.js';
      export { ServerConfiguration } from './gen/servers.js';`,
  },
  {
    // gRPC, for images that are built with BuildKit.
    importer: /dockerode\/lib\/docker\.js$/,
    asked: './session',
    given: `module.exports = () => { throw new Error('a release of nexus does not build images with BuildKit') };`,
  },
  {
    // Tables of Unicode, for help alone, that are a third of the time of a short command.
    importer: /node_modules\/(yargs|cliui|wrap-ansi)\//,
    asked: 'string-width',
    given: `export default (...args) => require('string-width').default(...args);`,
  },
];

const NARROW: Plugin = {
  name: 'narrow',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(\.\/gen\/index\.js|\.\/session|string-width)$/ }, question => {
      const { importer, namespace, path, resolveDir } = question;
      const found = NARROWED.find(({ importer: file, asked }) => asked === path && file.test(importer));
      if (!found || namespace === 'narrow') return undefined;
      return { path: importer, namespace: 'narrow', pluginData: { contents: found.given, resolveDir } };
    });
    onLoad({ filter: /.*/, namespace: 'narrow' }, ({ pluginData }) => pluginData);
  },
};

/** A file of ours that looks for its neighbours would find none. */
function onlyProgramLooksForFiles(root: string): Plugin {
  return {
    name: 'only-program-looks-for-files',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const name = path.slice(root.length + 1);
        if (name.startsWith('node_modules/') || name === KNOWS_RELEASES) return undefined;
        if (!/import\.meta\.(?!main\b)/.test(readFileSync(path, 'utf8'))) return undefined;
        return {
          errors: [
            { text: `${name} uses import.meta; what ships is read with readShipped() of ${KNOWS_RELEASES}` },
          ],
        };
      });
    },
  };
}

/** Bundles the program of the checkout at `root`. The same sources give the same bytes. Throws when esbuild warns. */
export async function bundle(root: string): Promise<Bundle> {
  const options = commonOptions(root);
  const stdin = { contents: ENTRY, resolveDir: root, sourcefile: 'release-entry.ts', loader: 'ts' as const };
  const { outputFiles, metafile } = await build({ ...options, stdin, splitting: true, format: 'esm' });
  refuseNamelessImports(metafile);
  const outputs = new Map(outputFiles.map(({ path, text }) => [path.slice(root.length + 1), text]));
  const plan = assignPacks(metafile, PLAN);
  const packs = new Map<string, string[]>();
  for (const [chunk, pack] of plan.packs) {
    const code = await toFunction(outputs.get(chunk) ?? '');
    packs.set(pack, [
      ...(packs.get(pack) ?? []),
      `${JSON.stringify(`./${chunk}`)}:(function (module, exports, require) {\n${code}\n})`,
    ]);
  }
  const threads = await Promise.all(THREADS.map(path => thread(options, path)));
  const shipped = SHIPPED.flatMap(folder => readdirSync(join(root, folder)).map(name => `${folder}/${name}`))
    .filter(path => SHIPPED_FILE.test(path))
    .sort();
  const texts = [
    ...shipped.map(path => [path, readFileSync(join(root, path), 'utf8')]),
    ...threads.map(({ path, text }) => [path, text]),
  ];
  const inputs = [metafile, ...threads.map(one => one.metafile)].flatMap(one => Object.keys(one.inputs));
  const own = (paths: string[]) =>
    [...new Set(paths)]
      .filter(path => !path.startsWith('node_modules/') && !/^(native|narrow):|^release-entry/.test(path))
      .sort();
  return {
    files: new Map([
      ...[...packs].map(
        ([name, parts]) =>
          [
            `${name}.cjs`,
            inAscii(`(function (module) {module.exports={\n${parts.join(',\n')}\n};})\n`),
          ] as const,
      ),
      ['files.json', `${JSON.stringify(Object.fromEntries(texts))}\n`] as const,
    ]),
    start: `./${plan.start}`,
    chunks: Object.fromEntries([...plan.packs].map(([chunk, pack]) => [`./${chunk}`, pack])),
    inputs: {
      all: [...own(inputs), ...shipped, ...SHIPPED],
      commands: Object.fromEntries(OFTEN.map(name => [name, own(plan.inputsOf(`cli/commands/${name}.ts`))])),
    },
    packages: [
      ...new Set(inputs.flatMap(path => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [])),
    ].sort(),
  };
}

/** Of a CommonJS package that is imported while the program runs, esbuild gives no names but `default`: all would be undefined. */
function refuseNamelessImports({ inputs }: Metafile): void {
  for (const [path, { imports }] of Object.entries(inputs))
    for (const { kind, path: imported } of imports)
      if (kind === 'dynamic-import' && inputs[imported]?.format === 'cjs')
        throw new Error(
          `${path} cannot import ${imported} while it runs: do it by way of a module of its own`,
        );
}

function commonOptions(root: string) {
  return {
    absWorkingDir: root,
    outdir: root,
    bundle: true,
    write: false,
    metafile: true,
    // A checkout may share its node_modules with another.
    preserveSymlinks: true,
    platform: 'node',
    target: 'node24',
    legalComments: 'none',
    chunkNames: '[name]-[hash]',
    entryNames: '[name]-[hash]',
    define: {
      'import.meta.main': 'false',
      'import.meta.dirname': 'undefined',
      // A package that looks for files of its own finds none.
      'import.meta.url': '"file:///nexus/release.mjs"',
      __filename: '"/nexus/release.cjs"',
      __dirname: '"/nexus"',
    },
    plugins: [NO_NATIVE_PARTS, NARROW, onlyProgramLooksForFiles(root)],
    logLevel: 'silent',
  } satisfies BuildOptions;
}

/**
 * Of code that esbuild wrote, only comments and patterns still have other characters. With a single one of them V8 keeps two
 * bytes for each character of a pack, and takes as much longer to read it. Throws where an escape could mean something else.
 */
function inAscii(code: string): string {
  return code.replace(/^.*\P{ASCII}.*$/gmu, line => {
    if (line.includes('`') && !/^\s*(\/?\*|\/\/)/.test(line))
      throw new Error(`a template of another alphabet in the bundle: ${line.trim().slice(0, 100)}`);
    return line.replace(/\P{ASCII}/gu, char =>
      char.replace(/./gs, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
    );
  });
}

/** A chunk as the body of a function of module, exports and require. */
async function toFunction(code: string): Promise<string> {
  const { code: body } = await transform(code, {
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    supported: { 'dynamic-import': false },
  });
  return body.trimEnd();
}

async function thread(
  options: ReturnType<typeof commonOptions>,
  path: string,
): Promise<{ path: string; text: string; metafile: Metafile }> {
  const { outputFiles, metafile } = await build({ ...options, entryPoints: [path], format: 'cjs' });
  return { path, text: outputFiles[0]?.text ?? '', metafile };
}
