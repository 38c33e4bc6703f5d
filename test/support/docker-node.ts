import { randomBytes } from 'node:crypto';
import type Docker from 'dockerode';
import type { NetworkInspectInfo } from 'dockerode';
import type { Test } from 'tap';
import type { Driver } from '../../agent/driver.ts';
import { createDockerDriver } from '../../agent/drivers/docker/docker-driver.ts';
import { networkName } from '../../agent/drivers/docker/network.ts';
import type { Clock } from '../../controller/kit/clock.ts';
import { removeEverything, specs } from '../conformance/driver.ts';
import { dockerByHand } from './docker-by-hand.ts';
import { findTestEngine } from './engine.ts';
import { ensureTestImage } from './images.ts';

/** A driver for a node of its own, on whatever engine. */
export interface EngineNode {
  driver: Driver;
  node: string;
  /** Of an image with everything in it. */
  imageId: string;
  spec: ReturnType<typeof specs>;
  /** Device of the node's network. */
  bridge: string;
  /** Another driver for the same node. */
  reopen(options: { clock?: Clock; allowHostPorts?: number[] }): Driver;
  /** What there is of the network, as the engine tells it; its address on the node. */
  network(): Promise<{ gateway: string } | undefined>;
  /** As people do it. */
  byHand: { removeInstance(id: string): Promise<void>; removeNetwork(): Promise<void> };
}

export interface DockerNode extends EngineNode {
  docker: Docker;
  socketPath: string;
}

/**
 * A driver for a node of its own, cleaned up with `t`, on `engine` or else the Docker engine of tests. Throws when there is
 * none: see noTestEngine.
 */
export async function dockerNode(
  t: Test,
  engine?: { socketPath: string; docker: Docker },
): Promise<DockerNode> {
  const found = engine ?? (await findTestEngine());
  if ('problem' in found) throw new Error(found.problem);
  const { docker, socketPath } = found;
  const node = `test-${randomBytes(4).toString('hex')}`;
  const driver = createDockerDriver({ socketPath, node });
  t.teardown(async () => {
    await removeEverything(driver);
    await driver.close();
    // A driver that closes does not wait long for the engine.
    await dockerByHand({ docker, socketPath }).clear(node);
  });
  const reference = await ensureTestImage(docker, 'ready');
  const { id: imageId } = (await driver.ensureImage(reference)) ?? { id: '' };
  const { bridge, name } = networkName(node);
  return {
    driver,
    docker,
    socketPath,
    node,
    imageId,
    spec: specs(node, imageId),
    bridge,
    reopen: options => createDockerDriver({ socketPath, node, ...options }),
    async network() {
      const [found]: NetworkInspectInfo[] = await docker.listNetworks({ filters: { name: [name] } });
      return found && { gateway: found.IPAM?.Config?.[0]?.Gateway ?? '' };
    },
    byHand: {
      removeInstance: async id => docker.getContainer(id).remove({ force: true }),
      removeNetwork: async () => docker.getNetwork(name).remove(),
    },
  };
}
