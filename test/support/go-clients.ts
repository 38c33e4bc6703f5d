/** `node test/support/go-clients.ts` compiles the tests of `test/clients/go` ahead, for a run that comes to them later. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sha256 } from '../../controller/kit/hash.ts';
import { findGo } from '../../manifests/install/client-toolchains.ts';
import { madeOnce } from './made-once.ts';

const run = promisify(execFile);
const SOURCES = join(import.meta.dirname, '../clients/go');
const CACHE = join(import.meta.dirname, '../../node_modules/.cache');
/** Of a first build, on a machine that has none of the modules. */
export const BUILD_MS = 550_000;
/** Unoptimised, not vetted and without what debuggers read: it is compiled once, and runs for seconds. */
const FLAGS = ['-vet=off', '-gcflags=all=-N -l -dwarf=false', '-ldflags=-s -w'];
const CLIENT_GO = 'k8s.io/client-go';
/** Of client-go, what imports the informers of every built-in kind: the factory of them all, and a part that nothing here uses. */
const LEFT_OUT = ['informers/factory.go', 'tools/leaderelection/leasecandidate.go'];
/** Of the informers of its core group, the one that the tests use. */
const CORE_INFORMERS = 'informers/core/v1';
const CORE_INFORMER = 'configmap.go';
/** Its lists of all groups, and of those what the tests use: to compile the other fifty takes longer than all that is left. */
const LISTS_OF_GROUPS = ['kubernetes/clientset.go', 'kubernetes/scheme/register.go'];
const GROUPS = ['authentication/v1', 'autoscaling/v1', 'coordination/v1', 'core/v1', 'events/v1'];
/** Path of the tests as a program, kept for as long as their sources stay as they are. Rejects with what the compiler said. */
export async function goClients(go: string): Promise<string> {
  const sources = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter(name =>
    /\.\w+$/.test(name),
  );
  const content = [import.meta.filename, ...sources.sort().map(name => join(SOURCES, name))];
  const hash = sha256(content.map(file => readFileSync(file, 'utf8')).join('\0')).slice(0, 12);
  const program = join(CACHE, `clients-go-${hash}`);
  await mkdir(CACHE, { recursive: true });
  await madeOnce(program, {
    isThere: () => existsSync(program),
    make: () => compile(go, program),
    timeoutMs: BUILD_MS,
    what: `${program} to be compiled`,
  });
  return program;
}

/** With a client-go that lacks LEFT_OUT, in place of the whole one. */
async function compile(go: string, program: string): Promise<void> {
  const folder = `${program}.build`;
  const part = join(folder, 'client-go');
  const modules = join(folder, 'go.mod');
  // No C compiler is asked for what no test needs.
  const env = { ...process.env, CGO_ENABLED: '0' };
  const options = { cwd: SOURCES, env, maxBuffer: 2 ** 26, timeout: BUILD_MS };
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  const { stdout } = await run(go, ['mod', 'download', '-json', CLIENT_GO], options);
  const { Dir: whole } = JSON.parse(stdout) as { Dir: string };
  // Go's copy may be written by nobody.
  await run('cp', ['-R', '--no-preserve=mode', whole, part]);
  const informers = readdirSync(join(part, CORE_INFORMERS)).filter(name => name !== CORE_INFORMER);
  for (const file of [...LEFT_OUT, ...informers.map(name => join(CORE_INFORMERS, name))])
    await rm(join(part, file));
  for (const file of LISTS_OF_GROUPS) await keepGroups(join(part, file));
  await copyFile(join(SOURCES, 'informers/generic.go'), join(part, 'informers/generic.go'));
  for (const file of ['go.mod', 'go.sum']) await copyFile(join(SOURCES, file), join(folder, file));
  await run(go, ['mod', 'edit', `-replace=${CLIENT_GO}=${part}`, modules], options);
  const args = ['test', '-c', `-modfile=${modules}`, ...FLAGS, '-o', join(folder, 'program'), '.'];
  await run('nice', [go, ...args], options);
  await rename(join(folder, 'program'), program);
  await rm(folder, { recursive: true });
}

/** Takes out of a generated Go file the imports of other groups, and each function, call and line that names one. */
async function keepGroups(file: string): Promise<void> {
  let text = await readFile(file, 'utf8');
  for (const [, name, group] of text.matchAll(
    /^\t(\w+) "k8s\.io\/(?:api|client-go\/kubernetes\/typed)\/(.+)"$/gm,
  ))
    if (!GROUPS.includes(group!))
      text = text
        .replace(new RegExp(`^func .*\\b${name}\\.[^]*?^}\\n`, 'gm'), '')
        .replace(new RegExp(`^.*\\b${name}(\\.| ").*\\n(\\tif err != nil {\\n.*\\n\\t}\\n)?`, 'gm'), '');
  await writeFile(file, text);
}

if (import.meta.main) {
  const go = findGo();
  // A test tells what the compiler said.
  if (go) await goClients(go).catch(() => {});
}
