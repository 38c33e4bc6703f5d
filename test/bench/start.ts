import { join } from 'node:path';
import { WORKSPACE } from '../../crds/kinds.ts';
import { findTestEngine } from '../support/engine.ts';
import { ensureTestImage } from '../support/images.ts';
import { type NexusUp, nexusUp } from '../support/nexus-up.ts';
import { runBare } from './bare.ts';
import { type LoginTarget, untilLogin } from './login.ts';
import { median, report } from './report.ts';

export async function loginTarget(up: NexusUp, name: string): Promise<LoginTarget | undefined> {
  const { status } = await up.workspace(name);
  const { host, port, user } = status?.ssh ?? {};
  return host && port && user ? { host, port, user, key: join(up.home, 'ssh', 'id_ed25519') } : undefined;
}

export const manifest = (name: string, image: string) =>
  `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}, namespace: default}\nspec: {image: "${image}"}\n`;

/** apply → first login, against a bare run of the same image with sshd → first login; alternating. `start [ROUNDS]`. */
export async function run(args: string[]): Promise<void> {
  const rounds = Number(args[0] ?? 10);
  const engine = await findTestEngine();
  if ('problem' in engine) throw new Error(engine.problem);
  const image = await ensureTestImage(engine.docker, 'ready');
  const up = await nexusUp();
  const nexus: number[] = [];
  const bare: number[] = [];
  try {
    for (let round = -1; round < rounds; round++) {
      const name = `bench-${round + 1}`;
      let began = performance.now();
      await up.apply(manifest(name, image));
      const ours = (await untilLogin(() => loginTarget(up, name))) - began;
      began = performance.now();
      const plain = await runBare(engine.docker, image, join(up.home, 'ssh', 'id_ed25519'));
      const theirs = (await untilLogin(() => plain.target)) - began;
      await plain.remove();
      await up.client.delete(WORKSPACE, { name, namespace: 'default' });
      // The first round warms caches of both and does not count.
      if (round >= 0) {
        nexus.push(ours);
        bare.push(theirs);
      }
    }
  } finally {
    await up.destroy();
  }
  report(
    'start',
    [
      { name: 'nexus apply → login', values: nexus },
      { name: 'docker run → login', values: bare },
    ],
    [{ what: 'start ratio', value: median(nexus) / median(bare), bound: '<=', target: 1.3 }],
  );
}
