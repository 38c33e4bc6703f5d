import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WORKSPACE } from '../../crds/kinds.ts';
import { nexusUp } from '../support/nexus-up.ts';
import { buildRelease, bundle, runProgram } from './program.ts';
import { type Figures, median, report } from './report.ts';

const ROOT = join(import.meta.dirname, '../..');
const LAUNCHER = join(ROOT, 'cli/nexus');

const manifest = (name: string) => ({
  apiVersion: 'nexus.dev/v1alpha1' as const,
  kind: 'Workspace' as const,
  metadata: { name, namespace: 'default' },
  spec: { driver: 'memory' as const },
});

/**
 * `nexus get workspaces` against `kubectl get workspaces`, and `nexus apply` against `kubectl apply --server-side`, as whole
 * processes, alternating: as a checkout gives it (the launcher, over a fresh bundle), as a release does (the executable),
 * and from the sources alone. `cli [ROUNDS]`.
 */
export async function run(args: string[]): Promise<void> {
  const rounds = Number(args[0] ?? 20);
  const folder = mkdtempSync(join(tmpdir(), 'nexus-bench-cli-'));
  const file = join(folder, 'workspace.json');
  writeFileSync(file, JSON.stringify(manifest('w0')));
  await bundle();
  const release = await buildRelease(folder);
  const up = await nexusUp({ args: ['--drivers=memory'] });
  const ours = { NEXUS_HOME: up.home, NODE_COMPILE_CACHE: join(folder, 'compile') };
  const theirs = { KUBECONFIG: up.kubeconfig, HOME: up.home };
  const programs: { name: string; command: string[]; env: Record<string, string>; apply?: string[] }[] = [
    { name: 'nexus (checkout)', command: [LAUNCHER], env: ours },
    {
      name: 'nexus (release)',
      command: [release],
      env: ours,
    },
    {
      name: 'nexus (sources)',
      command: [process.execPath, '--disable-warning=ExperimentalWarning', join(ROOT, 'cli/main.ts')],
      env: ours,
    },
    { name: 'kubectl', command: ['kubectl'], env: theirs, apply: ['--server-side'] },
  ];
  const figures = new Map<string, Figures>();
  // Not spawnSync: the server's log goes through this process, and a full pipe would stop the server.
  const time = async ({ command, env }: (typeof programs)[number], words: string[]) => {
    const [program = '', ...before] = command;
    const began = performance.now();
    await runProgram(program, [...before, ...words], { env: { ...process.env, ...env } });
    return performance.now() - began;
  };
  try {
    for (let i = 0; i < 20; i++) await up.client.create(WORKSPACE, manifest(`w${i}`));
    for (let round = -2; round < rounds; round++)
      for (const [what, words] of Object.entries({
        get: ['get', 'workspaces'],
        apply: ['apply', '-f', file],
      }))
        for (const program of programs) {
          const ms = await time(program, [...words, ...((what === 'apply' && program.apply) || [])]);
          const name = `${program.name} ${what}`;
          if (round < 0) figures.set(name, { name, values: [] });
          else figures.get(name)?.values.push(ms);
        }
  } finally {
    await up.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
  const ratio = (of: string, what: string) =>
    median(figures.get(`nexus (${of}) ${what}`)?.values ?? []) /
    median(figures.get(`kubectl ${what}`)?.values ?? []);
  report(
    'cli',
    [...figures.values()],
    (['get', 'apply'] as const).flatMap(what =>
      (['checkout', 'release'] as const).map(of => ({
        what: `cli ratio of ${what}, ${of}`,
        value: ratio(of, what),
        bound: '<=' as const,
        target: 1,
      })),
    ),
  );
}
