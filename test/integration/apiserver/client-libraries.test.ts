import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { findGo, PYTHON } from '../../../manifests/install/client-toolchains.ts';
import { BUILD_MS, goClients } from '../../support/go-clients.ts';
import { patience } from '../../support/until.ts';
import { startKubectlLab } from './kubectl-lab.ts';

const CLIENTS = fileURLToPath(new URL('../../clients/', import.meta.url));
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
    const program = await goClients(go!);
    const KUBECONFIG = await kubeconfigOf(t);
    const { code, output } = await run(program, ['-test.v'], {
      cwd,
      env: { KUBECONFIG },
      timeout: patience(60_000),
    });
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
      timeout: patience(60_000),
    });
    t.equal(code, 0, output);
    t.match(output, /Ran 6 tests/, 'all tests were run');
  },
);
