import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { About, Bundle } from './bundle.ts';
import { programText } from './program-text.ts';

const run = promisify(execFile);
const POSTJECT = join(import.meta.dirname, '../../node_modules/postject/dist/cli.js');

/** What Node.js looks for in itself to know that it carries a program. */
const SENTINEL = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
/** node:sqlite is experimental, which is ours to know and not the user's. */
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning'];

export interface ExecutableOptions {
  bundle: Bundle;
  about: About;
  /** Node.js of the platform that it is for, of the version that runs this. */
  node: string;
  /** Of codeCaches(), where that Node.js runs here. */
  caches?: Map<string, Buffer>;
  target: string;
}

/** Writes one file that is Node.js and the program. The same bundle gives the same bytes. */
export async function writeExecutable({
  bundle,
  about,
  node,
  caches,
  target,
}: ExecutableOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-release-'));
  const file = (name: string) => join(folder, name);
  const draft = `${target}.${process.pid}`;
  try {
    const assets: Record<string, string> = {};
    for (const [name, content] of [...bundle.files, ...(caches ?? [])]) {
      await writeFile(file(name), content);
      assets[name] = name;
    }
    await writeFile(
      file('main.js'),
      programText('executable', bundle, about, { isCached: caches !== undefined }),
    );
    // Paths from there, since Node.js keeps that of the main.
    const config = { main: 'main.js', output: 'blob', assets, execArgv: NODE_FLAGS };
    await writeFile(file('sea.json'), JSON.stringify({ ...config, disableExperimentalSEAWarning: true }));
    await run(process.execPath, ['--experimental-sea-config', 'sea.json'], { cwd: folder });
    // Beside the target: its name is never that of half a program, and one that runs goes on from its own file.
    await copyFile(node, draft);
    await run(process.execPath, [
      POSTJECT,
      draft,
      'NODE_SEA_BLOB',
      file('blob'),
      '--sentinel-fuse',
      SENTINEL,
    ]);
    await chmod(draft, 0o755);
    await rename(draft, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await rm(draft, { force: true });
  }
}
