import { randomBytes } from 'node:crypto';
import t from 'tap';
import { createDockerDriver } from '../../agent/drivers/docker/docker-driver.ts';
import { ensureTestImage } from '../support/images.ts';
import { noPodman, startPodman } from '../support/podman.ts';
import { freePorts } from '../support/ports.ts';
import { driverConformance } from './driver.ts';

// The first time on a machine the image is made.
t.setTimeout(110_000);
const skip = await noPodman();
if (skip) {
  t.test('a driver of Podman', { skip }, async () => {});
} else {
  const { socketPath, docker } = await startPodman(t);
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
