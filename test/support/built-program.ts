import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildRelease } from './build-release.ts';
import { madeOnce } from './made-once.ts';

const ROOT = join(import.meta.dirname, '../..');
const CACHE = join(ROOT, 'node_modules/.cache');
const SOURCES = ['agent', 'cli', 'controller', 'crds', 'manifests'];
const EXECUTABLE = `nexus-${process.platform}-${process.arch}`;

/** What runs may still use is younger. */
const OLD_MS = 3_600_000;

/** Path of the executable for this machine, made of the sources as they are; all files of a run share one. */
export async function builtProgram(): Promise<string> {
  const folder = join(CACHE, `test-program-${stateOfSources()}`);
  const program = join(folder, EXECUTABLE);
  await mkdir(CACHE, { recursive: true });
  await madeOnce(folder, {
    isThere: () => existsSync(program),
    make: () => build(folder),
    timeoutMs: 180_000,
    what: `${program} to be built`,
  });
  return program;
}

async function build(folder: string): Promise<void> {
  for (const name of readdirSync(CACHE)) {
    const isOld = Date.now() - statSync(join(CACHE, name)).mtimeMs > OLD_MS;
    if (/^test-program-\w+(\.lock)?$/.test(name) && isOld) await rm(join(CACHE, name), { recursive: true });
  }
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await buildRelease([`--out=${draft}`], ROOT);
  await rename(draft, folder);
}

/** Names, sizes and times: what changes when somebody edits. */
function stateOfSources(): string {
  const hash = createHash('sha256');
  for (const folder of SOURCES)
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      const { size, mtimeMs } = statSync(join(ROOT, folder, name));
      hash.update(`${folder}/${name} ${size} ${mtimeMs}\n`);
    }
  hash.update(String(statSync(join(ROOT, 'package-lock.json')).mtimeMs));
  return hash.digest('hex').slice(0, 16);
}
