import type { Worker } from 'node:worker_threads';

// Not imported: see client/kubeconfig.ts.
const { existsSync, readFileSync, readdirSync } = process.getBuiltinModule('node:fs');
const { join } = process.getBuiltinModule('node:path');

/** What a release carries in place of a checkout's files; its loader (manifests/release/loader.cjs) sets it first of all. */
export interface Release {
  readonly version: string;
  /** Commit it was built from, if that was known. */
  readonly commit?: string;
  /** The tree had changes that the commit does not have. */
  readonly modified?: boolean;
  /** File that Node.js is started with; absent: the executable is the program. */
  readonly main?: string;
  /** Files that the program reads while it runs, and threads that it starts: path from the root → text. */
  files(): Record<string, string>;
}

/** Where the loader leaves the Release. */
export const RELEASE = Symbol.for('nexus.dev/release');

const release = (): Release | undefined => (globalThis as { [RELEASE]?: Release })[RELEASE];

/** Of a checkout. Only here: everything else that ships with the program is found by its path from there. */
const root = () => join(import.meta.dirname, '../..');

/** Text of a file that ships with the program, by its path from the root: `crds/workspace.yaml`. Throws when there is none. */
export function readShipped(path: string): string {
  const from = release();
  if (!from) return readFileSync(join(root(), path), 'utf8');
  const text = from.files()[path];
  if (text === undefined)
    throw new Error(`this release of nexus does not carry ${path}; it was built wrongly`);
  return text;
}

/** Paths of the files that lie in a folder that ships with the program, in order. */
export function listShipped(folder: string): string[] {
  const from = release();
  const names = from
    ? Object.keys(from.files()).flatMap(path =>
        path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1)] : [],
      )
    : readdirSync(join(root(), folder));
  return names.sort().map(name => `${folder}/${name}`);
}

/** Starts a thread with a module of the program: `controller/store/sqlite/worker.ts`. */
export function startThread(path: string): Worker {
  const { Worker: Thread } = process.getBuiltinModule('node:worker_threads');
  // Hooks that the process was started with, such as a test runner's, are none of its business and slow to load.
  if (!release()) return new Thread(join(root(), path), { execArgv: [] });
  return new Thread(readShipped(path), { execArgv: [], eval: true });
}

/** How this program is run once more: its own arguments follow `args`. */
export function ownCommand(): { file: string; args: string[] } {
  const { execPath: file, execArgv } = process;
  const from = release();
  if (from && from.main === undefined) return { file, args: [] };
  return { file, args: [...execArgv, from?.main ?? join(root(), 'cli/main.ts')] };
}

/** The checkout that this program runs from, bundled or not; undefined: it is a release. */
export function checkoutFolder(): string | undefined {
  const from = release();
  const folder = from ? from.main && join(from.main, '../..') : root();
  return folder && existsSync(join(folder, 'manifests/release/build.ts')) ? folder : undefined;
}

/** Version of this program, and which build of it this is. */
export function programVersion(): { version: string; build: string } {
  const from = release();
  if (from) {
    const commit = from.commit ? `, commit ${from.commit}${from.modified ? ' with changes' : ''}` : '';
    return { version: from.version, build: `${from.main === undefined ? 'release' : 'bundle'}${commit}` };
  }
  const { version } = JSON.parse(readShipped('package.json')) as { version: string };
  return { version, build: 'source' };
}
