import { WORKSPACE } from '../../crds/kinds.ts';
import { nexusUp } from '../support/nexus-up.ts';
import { NEXUS, runProgram } from './program.ts';
import { median, report } from './report.ts';

/** `nexus get workspaces` against `kubectl get workspaces`, as whole processes, alternating. `cli [ROUNDS]`. */
export async function run(args: string[]): Promise<void> {
  const rounds = Number(args[0] ?? 20);
  const up = await nexusUp({ args: ['--drivers=memory'] });
  const nexus: number[] = [];
  const kubectl: number[] = [];
  const time = async (program: string, words: string[], env: Record<string, string>) => {
    const began = performance.now();
    await runProgram(program, words, { env: { ...process.env, ...env } });
    return performance.now() - began;
  };
  try {
    for (let i = 0; i < 20; i++)
      await up.client.create(WORKSPACE, {
        apiVersion: 'nexus.dev/v1alpha1',
        kind: 'Workspace',
        metadata: { name: `w${i}`, namespace: 'default' },
        spec: { driver: 'memory' },
      });
    for (let round = -2; round < rounds; round++) {
      const ours = await time(NEXUS, ['get', 'workspaces'], { NEXUS_HOME: up.home });
      const theirs = await time('kubectl', ['get', 'workspaces'], {
        KUBECONFIG: up.kubeconfig,
        HOME: up.home,
      });
      if (round >= 0) {
        nexus.push(ours);
        kubectl.push(theirs);
      }
    }
  } finally {
    await up.destroy();
  }
  report(
    'cli',
    [
      { name: 'nexus get workspaces', values: nexus },
      { name: 'kubectl get workspaces', values: kubectl },
    ],
    [{ what: 'cli ratio', value: median(nexus) / median(kubectl), bound: '<=', target: 1 }],
  );
}
