import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { LxdNetwork } from '../../agent/drivers/lxc/api/types.ts';
import { createLxcDriver } from '../../agent/drivers/lxc/lxc-driver.ts';
import { parseInstanceId } from '../../agent/drivers/lxc/names.ts';
import { networkName } from '../../agent/drivers/lxc/network.ts';
import { removeEverything, specs } from '../conformance/driver.ts';
import type { EngineNode } from './docker-node.ts';
import type { TestImage } from './images.ts';
import { lxdByHand } from './lxd-by-hand.ts';
import type { LxdLab } from './lxd-lab.ts';
import { sharedLxd } from './shared-lxd.ts';

export interface LxcNode extends EngineNode {
  lab: LxdLab;
}

/** A driver for a node of its own on the LXD of tests, or on `lab`; see noLxd. */
export async function lxcNode(t: Test, image: TestImage, lab?: LxdLab): Promise<LxcNode> {
  const on = lab ?? (await sharedLxd(t));
  const node = `test-${randomBytes(4).toString('hex')}`;
  const driver = createLxcDriver({ socketPath: on.socketPath, node });
  t.teardown(async () => {
    await removeEverything(driver);
    await driver.close();
    // A driver that closes does not wait long for the engine.
    await lxdByHand(on).clear(node);
  });
  const { id: imageId } = (await driver.ensureImage(await on.image(image))) ?? { id: '' };
  const bridge = networkName(node);
  return {
    driver,
    node,
    imageId,
    spec: specs(node, imageId),
    lab: on,
    bridge,
    reopen: options => createLxcDriver({ socketPath: on.socketPath, node, ...options }),
    async network() {
      const found = await on.lxd.find<LxdNetwork>(`/1.0/networks/${bridge}`);
      return found && { gateway: found.config['ipv4.address']?.split('/')[0] ?? '' };
    },
    byHand: {
      async removeInstance(id) {
        await on.lxc('delete', '--force', parseInstanceId(id)?.name ?? id);
      },
      async removeNetwork() {
        await on.lxc('network', 'delete', bridge);
      },
    },
  };
}
