import { randomBytes } from 'node:crypto';
import type Docker from 'dockerode';
import type { Test } from 'tap';
import type { Driver } from '../../agent/driver.ts';
import { createDockerDriver } from '../../agent/drivers/docker/docker-driver.ts';
import { removeEverything, specs } from '../conformance/driver.ts';
import { findTestEngine } from './engine.ts';
import { ensureTestImage } from './images.ts';

export interface DockerNode {
  driver: Driver;
  docker: Docker;
  socketPath: string;
  node: string;
  imageId: string;
  spec: ReturnType<typeof specs>;
}

/** A driver for a node of its own on the test engine, cleaned up with `t`. Throws when there is none: see noTestEngine. */
export async function dockerNode(t: Test): Promise<DockerNode> {
  const engine = await findTestEngine();
  if ('problem' in engine) throw new Error(engine.problem);
  const { docker, socketPath } = engine;
  const node = `test-${randomBytes(4).toString('hex')}`;
  const driver = createDockerDriver({ socketPath, node });
  t.teardown(async () => {
    await removeEverything(driver);
    await driver.close();
  });
  const reference = await ensureTestImage(docker, 'ready');
  const { id: imageId } = (await driver.ensureImage(reference)) ?? { id: '' };
  return { driver, docker, socketPath, node, imageId, spec: specs(node, imageId) };
}
