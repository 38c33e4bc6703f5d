import { join } from 'node:path';
import { dockerByHand } from '../support/docker-by-hand.ts';
import { findTestEngine } from '../support/engine.ts';
import { ensureTestImage } from '../support/images.ts';
import { nexusUp } from '../support/nexus-up.ts';
import { freePorts } from '../support/ports.ts';
import { bareRuns } from './bare.ts';
import { untilLogin } from './login.ts';
import { followPhases } from './phases.ts';
import { median, report } from './report.ts';
import { followTargets, manifest } from './start.ts';

/** `docker rm -f` → login again, against a bare run of the same image; alternating. `heal [ROUNDS]`. */
export async function run(args: string[]): Promise<void> {
  const rounds = Number(args[0] ?? 10);
  const engine = await findTestEngine();
  if ('problem' in engine) throw new Error(engine.problem);
  const image = await ensureTestImage(engine.docker, 'ready');
  const up = await nexusUp({ engine: dockerByHand(engine) });
  const targets = followTargets(up);
  const nexus: number[] = [];
  const bare: number[] = [];
  const phases = await followPhases(engine.docker, up.node);
  const bares = await bareRuns(engine, image, join(up.home, 'ssh', 'id_ed25519'));
  try {
    await up.apply(manifest('heal', image), '--wait');
    for (let round = -1; round < rounds; round++) {
      const { status } = await up.workspace('heal');
      const [port = 0] = await freePorts(1);
      phases.begin('nexus');
      let began = performance.now();
      await bares.remove(status?.containerID ?? '');
      phases.mark('removed');
      const ours = (await untilLogin(() => targets.of('heal', status?.containerID), phases.mark)) - began;
      phases.end(round >= 0);
      await up.untilWorkspace(
        'heal',
        'a new container',
        w => w.status?.phase === 'Running' && w.status.containerID !== status?.containerID,
      );
      phases.begin('bare');
      began = performance.now();
      const plain = await bares.run(port);
      phases.mark('run');
      const theirs = (await untilLogin(() => plain.target, phases.mark)) - began;
      phases.end(round >= 0);
      await plain.remove();
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
    'heal',
    [
      { name: 'docker rm -f → login', values: nexus },
      { name: `${bares.how} → login`, values: bare },
    ],
    [{ what: 'heal ratio', value: median(nexus) / median(bare), bound: '<=', target: 1.5 }],
  );
}
