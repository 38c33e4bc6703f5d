import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openTls } from '../../../controller/apiserver/tls.ts';
import { systemClock } from '../../../controller/kit/clock.ts';
import { layServerTls } from '../../support/server-tls.ts';
import { patience } from '../../support/until.ts';
import { type Lab, startLab } from './lab.ts';

export interface Result {
  code: number;
  out: string;
  err: string;
}

export type KubectlEnv = Record<'PATH' | 'HOME' | 'KUBECONFIG' | 'EDITOR', string>;

/** Runs kubectl with its words split at spaces; `input` goes to stdin. It ends before it would pay to collect garbage. */
export function runKubectl(env: KubectlEnv, words: string, input = '', program = 'kubectl'): Promise<Result> {
  return new Promise(resolve => {
    const child = execFile(
      program,
      words.split(' '),
      { env: { GOGC: 'off', ...env }, timeout: patience(60_000) },
      (error, out, err) => resolve({ code: error ? Number(error.code ?? 1) : 0, out, err }),
    );
    child.stdin?.end(input);
  });
}

export interface KubectlLab extends Lab {
  /** For files of the test; removed after it. */
  home: string;
  env: KubectlEnv;
  /** Runs kubectl as an admin, with its words split at spaces; `input` goes to stdin. */
  kubectl(words: string, input?: string): Promise<Result>;
  /** The same with somebody else's token. */
  kubectlAs(token: string): (words: string, input?: string) => Promise<Result>;
}

/** A server on a port of the loopback, and the real kubectl. */
export async function startKubectlLab(t: Test): Promise<KubectlLab> {
  const home = mkdtempSync(join(tmpdir(), 'nexus-kubectl-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  await layServerTls(home);
  const tls = await openTls({ dir: join(home, 'server', 'tls'), clock: systemClock });
  t.teardown(() => tls.close());
  const lab = await startLab(t, { tls, clock: systemClock });
  const { url } = await lab.server.listen({ host: '127.0.0.1', port: 0 });
  const cluster = { server: url, 'certificate-authority-data': Buffer.from(tls.ca).toString('base64') };
  const kubeconfigFor = (token: string, name: string) => {
    const file = join(home, name);
    writeFileSync(
      file,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'nexus',
        clusters: [{ name: 'nexus', cluster }],
        users: [{ name: 'me', user: { token } }],
        contexts: [{ name: 'nexus', context: { cluster: 'nexus', user: 'me' } }],
      }),
    );
    return file;
  };
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    KUBECONFIG: kubeconfigFor(lab.token, 'kubeconfig'),
    EDITOR: 'sed -i s/3000/4000/',
  };
  let others = 0;
  const run = (kubeconfig: string) => (words: string, input?: string) =>
    runKubectl({ ...env, KUBECONFIG: kubeconfig }, words, input);
  return {
    ...lab,
    home,
    env,
    kubectl: run(env.KUBECONFIG),
    kubectlAs: token => run(kubeconfigFor(token, `kubeconfig-${++others}`)),
  };
}
