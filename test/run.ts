/**
 * `node test/run.ts [FILE|GLOB]…`: runs test files, each in a process of its own, and prints TAP; with none named all, beside
 * the set-up of what they need. It is `tap run` without what that loads into each process and what nothing here uses (source
 * maps, mocked modules, a record of what was loaded), which takes longer than most files do. TAP_JOBS: how many run at once,
 * four by default. NEXUS_COVERAGE: a folder for what unit and integration tests measure of coverage.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { bundleTap } from './support/bundle-tap.ts';

const ROOT = join(import.meta.dirname, '..');
const PLAIN_PROCESS = pathToFileURL(join(import.meta.dirname, 'support', 'plain-process.mjs')).href;
const JOBS = Number(process.env.TAP_JOBS ?? 4);
const FILE_TIMEOUT_MS = 600_000;
/** From the end of a file's time to its end by force: tap gives it 10 s to end its parts and clear up. */
const GRACE_MS = 30_000;
/** Slow, and they run hardly a line that no other runs. */
const NOT_MEASURED = /^test\/(e2e|conformance|property)\//;
/** They need nothing but the machine's packages, and go first: the set-up waits for the network half of its time. */
const BESIDE_SET_UP = /^test\/(unit|property|integration\/(client|gateway|kit|reconcilers|runtime|store))\//;
/** They take a minute, and wait much of it. */
const LONG = /^test\/e2e\//;
const running = new Set<ChildProcess>();
let stopped: NodeJS.Signals | undefined;

function filesOf(patterns: string[]): string[] {
  const found = new Set<string>();
  for (const pattern of patterns) {
    const files = globSync(pattern, { cwd: ROOT });
    if (files.length === 0) throw new Error(`no test file is called ${pattern}`);
    for (const file of files) found.add(relative(ROOT, resolve(ROOT, file)));
  }
  return [...found].sort();
}

/** The long ones evenly among the others, so that processors have work while they wait; in order otherwise. */
function mixed(files: string[]): string[] {
  const groups = [files.filter(file => LONG.test(file)), files.filter(file => !LONG.test(file))];
  return groups
    .flatMap(group => group.map((file, i) => ({ file, at: i / group.length })))
    .sort((a, b) => a.at - b.at)
    .map(({ file }) => file);
}

function endsWithSignals(child: ChildProcess): void {
  running.add(child);
  child.once('close', () => running.delete(child));
  if (stopped) child.kill(stopped);
}

/** Those that run end by themselves and clear up; those that wait then end as they begin. */
function endWithSignals(): void {
  t.on('spawn', file => {
    file.on('process', endsWithSignals);
    // Its own time is up first, or it could not tell what it was waiting for.
    const { setTimeout } = file;
    file.setTimeout = ms => setTimeout.call(file, ms > 0 ? ms + GRACE_MS : ms);
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(signal));
}

function end(signal: NodeJS.Signals): void {
  stopped = signal;
  for (const child of running) child.kill(signal);
}

/** Rejects when it fails, which it has told. */
function setUp(): Promise<void> {
  const script = join(ROOT, 'manifests/install/test.sh');
  const child = spawn('sh', [script, '--setup'], { stdio: ['ignore', process.stderr, process.stderr] });
  endsWithSignals(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code =>
      code === 0 ? resolve() : reject(new Error('the set-up of the tests failed')),
    );
  });
}

function run(file: string): void {
  const { NEXUS_COVERAGE, ...env } = process.env;
  void t.spawn(
    'env',
    // tap would have the process load its record by this variable.
    ['-u', 'NODE_OPTIONS', process.execPath, `--import=${PLAIN_PROCESS}`, join(ROOT, file)],
    {
      cwd: ROOT,
      timeout: FILE_TIMEOUT_MS,
      buffered: JOBS > 1,
      env: {
        // Engines and short commands in Go collect garbage seldom.
        GOGC: '300',
        ...env,
        TAP_TIMEOUT: String(FILE_TIMEOUT_MS / 1000),
        ...(NEXUS_COVERAGE && !NOT_MEASURED.test(file) && { NEXUS_COVERAGE }),
      },
      // Of the runner, no help.
      at: null,
      stack: '',
    },
    file,
  );
}

const named = process.argv.slice(2);
const files = filesOf(named.length > 0 ? named : ['test/**/*.test.ts']);
endWithSignals();
const ready = named.length > 0 ? Promise.resolve() : setUp();
// It may fail before anybody waits for it.
ready.catch(() => {});
await bundleTap();
t.setTimeout(0);
t.jobs = JOBS;
// Without a plan: of a file that is ended by force there are two results, and the last of all would be one too many.
for (const file of files) if (BESIDE_SET_UP.test(file)) run(file);
try {
  await ready;
  for (const file of mixed(files.filter(file => !BESIDE_SET_UP.test(file)))) run(file);
} catch (error) {
  end('SIGTERM');
  t.bailout((error as Error).message);
}
