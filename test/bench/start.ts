import { join } from 'node:path';
import { PLACEMENT, WORKSPACE } from '../../crds/kinds.ts';
import { nodeNamespace } from '../../crds/names.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import { dockerByHand } from '../support/docker-by-hand.ts';
import { findTestEngine } from '../support/engine.ts';
import { ensureTestImage } from '../support/images.ts';
import { type NexusUp, nexusUp } from '../support/nexus-up.ts';
import { freePorts } from '../support/ports.ts';
import { until } from '../support/until.ts';
import { bareRuns } from './bare.ts';
import { type LoginTarget, untilLogin } from './login.ts';
import { followPhases } from './phases.ts';
import { buildRelease, runProgram } from './program.ts';
import { median, report } from './report.ts';

/** Workspaces as the server tells them: asking again and again would take the processor from what is measured. */
export function followTargets(up: NexusUp): {
  of(name: string, not?: string): LoginTarget | undefined;
  stop(): void;
} {
  const stopping = new AbortController();
  const latest = new Map<string, Workspace>();
  const follow = async () => {
    while (!stopping.signal.aborted)
      for await (const { type, object } of up.client.watch(WORKSPACE, { signal: stopping.signal }))
        if (type === 'DELETED') latest.delete(object.metadata.name);
        else if (object.metadata?.name) latest.set(object.metadata.name, object);
  };
  follow().catch(() => {});
  return {
    /**
     * Where to log in, once a container runs, other than `not`: as with `docker run`, nobody knocks before. The kernel
     * would ask for an address that nobody has yet, and again only after a second.
     */
    of(name, not) {
      const { status } = latest.get(name) ?? {};
      const { host, port, user } = status?.ssh ?? {};
      const running = status?.conditions?.some(c => c.type === 'ContainerReady' && c.status === 'True');
      if (!running || !status?.containerID || status.containerID === not) return undefined;
      return host && port && user ? { host, port, user, key: join(up.home, 'ssh', 'id_ed25519') } : undefined;
    },
    stop: () => stopping.abort(),
  };
}

export const manifest = (name: string, image: string) =>
  `apiVersion: nexus.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}, namespace: default}\nspec: {image: "${image}"}\n`;

/** Resolves when nothing of it is left, so that its end does not run into what is measured next. */
async function removeWorkspace(up: NexusUp, name: string): Promise<void> {
  await up.client.delete(WORKSPACE, { name, namespace: 'default' });
  const placement = { name: `${name}.default`, namespace: nodeNamespace(up.node) };
  await until(
    async () =>
      (
        await Promise.all([
          isGone(up.client.get(WORKSPACE, { name, namespace: 'default' })),
          isGone(up.client.get(PLACEMENT, placement)),
        ])
      ).every(Boolean) || undefined,
    { timeoutMs: 60_000, what: () => `workspace ${name} to be gone` },
  );
}

const isGone = (asked: Promise<unknown>) =>
  asked.then(
    () => false,
    () => true,
  );

/** apply → first login, against a bare run of the same image with sshd → first login; alternating. `start [ROUNDS]`. */
export async function run(args: string[]): Promise<void> {
  const rounds = Number(args[0] ?? 10);
  const engine = await findTestEngine();
  if ('problem' in engine) throw new Error(engine.problem);
  const image = await ensureTestImage(engine.docker, 'ready');
  const up = await nexusUp({ engine: dockerByHand(engine) });
  const program = await buildRelease(up.home);
  const targets = followTargets(up);
  const nexus: number[] = [];
  const bare: number[] = [];
  const phases = await followPhases(engine.docker, up.node);
  const bares = await bareRuns(engine, image, join(up.home, 'ssh', 'id_ed25519'));
  const env = { PATH: process.env.PATH, HOME: up.home, NEXUS_HOME: up.home };
  try {
    for (let round = -1; round < rounds; round++) {
      const name = `bench-${round + 1}`;
      const [port = 0] = await freePorts(1);
      phases.begin('nexus');
      let began = performance.now();
      await runProgram(program, ['apply', '-f', '-'], { env, input: manifest(name, image) });
      phases.mark('applied');
      const ours = (await untilLogin(() => targets.of(name), phases.mark)) - began;
      phases.end(round >= 0);
      await removeWorkspace(up, name);
      phases.begin('bare');
      began = performance.now();
      const plain = await bares.run(port);
      phases.mark('run');
      const theirs = (await untilLogin(() => plain.target, phases.mark)) - began;
      phases.end(round >= 0);
      await plain.remove();
      // The first round warms caches of both and does not count.
      if (round >= 0) {
        nexus.push(ours);
        bare.push(theirs);
      }
    }
  } finally {
    phases.stop();
    targets.stop();
    await up.destroy();
  }
  phases.print();
  report(
    'start',
    [
      { name: 'nexus apply → login', values: nexus },
      { name: `${bares.how} → login`, values: bare },
    ],
    [{ what: 'start ratio', value: median(nexus) / median(bare), bound: '<=', target: 1.3 }],
  );
}
