import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { sha256 } from '../../../controller/kit/hash.ts';
import { findGo, PYTHON } from '../../../manifests/install/client-toolchains.ts';
import { startKubectlLab } from './kubectl-lab.ts';

const CLIENTS = fileURLToPath(new URL('../../clients/', import.meta.url));
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/', import.meta.url));
/** Of a first build, on a machine that has none of the modules. */
const BUILD_MS = 550_000;
const go = findGo();

interface Run {
  code: number;
  output: string;
}

function run(
  command: string,
  args: string[],
  options: { cwd: string; env: object; timeout: number },
): Promise<Run> {
  return new Promise(resolve => {
    const all = { ...options, env: { ...process.env, ...options.env }, maxBuffer: 2 ** 26 };
    execFile(command, args, all, (error, out, err) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: out + err }),
    );
  });
}

/** The tests as a program. Kept for as long as their sources stay as they are. */
async function compile(cwd: string): Promise<{ program: string; build: Run }> {
  const files = readdirSync(cwd).sort();
  const hash = sha256(files.map(file => readFileSync(join(cwd, file), 'utf8')).join('\0')).slice(0, 12);
  const program = join(CACHE, `clients-go-${hash}`);
  if (existsSync(program)) return { program, build: { code: 0, output: 'kept' } };
  // Unoptimised: it is compiled once, and runs for seconds.
  const flags = ['-gcflags=all=-N -l', '-ldflags=-s -w', '-o', `${program}.new`];
  const build = await run('nice', [go!, 'test', '-c', ...flags, '.'], { cwd, env: {}, timeout: BUILD_MS });
  if (build.code === 0) renameSync(`${program}.new`, program);
  return { program, build };
}

/** The server under test: one of ours, or any that a kubeconfig in NEXUS_TEST_AGAINST names, to see what it answers. */
async function kubeconfigOf(t: Test): Promise<string> {
  return process.env.NEXUS_TEST_AGAINST ?? (await startKubectlLab(t)).env.KUBECONFIG;
}

t.test(
  'client-go and controller-runtime',
  {
    skip: go ? false : 'no Go 1.26 or newer; npm test installs it where Python is',
    timeout: BUILD_MS + 60_000,
  },
  async t => {
    const cwd = join(CLIENTS, 'go');
    const { program, build } = await compile(cwd);
    t.equal(build.code, 0, build.output);
    const KUBECONFIG = await kubeconfigOf(t);
    const { code, output } = await run(program, ['-test.v'], { cwd, env: { KUBECONFIG }, timeout: 60_000 });
    const results = output.match(/^--- (PASS|FAIL|SKIP): \w+/gm) ?? [];
    t.equal(code, 0, output.replaceAll(/^(=== |[IE]\d{4} ).*\n/gm, ''));
    t.ok(results.length >= 13, 'all tests were run');
    for (const result of results) t.match(result, /PASS/, result);
  },
);

t.test(
  'the Python client',
  {
    skip: existsSync(PYTHON)
      ? false
      : `no Kubernetes client at ${PYTHON}; npm test installs it where Python is`,
  },
  async t => {
    const KUBECONFIG = await kubeconfigOf(t);
    const cwd = join(CLIENTS, 'python');
    const { code, output } = await run(PYTHON, ['clients_test.py'], {
      cwd,
      env: { KUBECONFIG },
      timeout: 60_000,
    });
    t.equal(code, 0, output);
    t.match(output, /Ran 6 tests/, 'all tests were run');
  },
);
