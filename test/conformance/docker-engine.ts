import { randomBytes } from 'node:crypto';
import type Docker from 'dockerode';
import type { Test } from 'tap';
import { createDockerDriver } from '../../agent/drivers/docker/docker-driver.ts';
import { ensureTestImage } from '../support/images.ts';
import { freePorts } from '../support/ports.ts';
import { driverConformance } from './driver.ts';

/** Holds the docker driver to its contract, on an engine that speaks Docker's API. */
export function dockerConformance(t: Test, engine: { socketPath: string; docker: Docker }): void {
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
