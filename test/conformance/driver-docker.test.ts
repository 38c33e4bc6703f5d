import { randomBytes } from 'node:crypto';
import t from 'tap';
import { createDockerDriver } from '../../agent/drivers/docker/docker-driver.ts';
import { findTestEngine } from '../support/engine.ts';
import { ensureTestImage } from '../support/images.ts';
import { freePorts } from '../support/ports.ts';
import { driverConformance } from './driver.ts';

// The first time on a machine the image is made.
t.setTimeout(110_000);
const engine = await findTestEngine();
if ('problem' in engine) {
  t.test('a driver of Docker', { skip: engine.problem }, async () => {});
} else {
  const { socketPath, docker } = engine;
  driverConformance(t, async () => {
    const node = `test-${randomBytes(4).toString('hex')}`;
    const otherNode = `${node}-other`;
    const [a, b] = await freePorts(2);
    return {
      driver: createDockerDriver({ socketPath, node }),
      other: createDockerDriver({ socketPath, node: otherNode }),
      node,
      otherNode,
      image: await ensureTestImage(docker, 'ready'),
      ports: [a!, b!],
    };
  });
}
