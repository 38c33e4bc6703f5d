import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { createLxcDriver } from '../../agent/drivers/lxc/lxc-driver.ts';
import { removeEverything, specs } from '../conformance/driver.ts';
import type { EngineNode } from './docker-node.ts';
import type { TestImage } from './images.ts';
import { type LxdLab, startLxd } from './lxd-lab.ts';

export interface LxcNode extends EngineNode {
  lab: LxdLab;
}

/** A driver for a node of its own on an LXD of the test's, or on `lab`; see noLxd. */
export async function lxcNode(t: Test, image: TestImage, lab?: LxdLab): Promise<LxcNode> {
  const on = lab ?? (await startLxd(t));
  const node = `test-${randomBytes(4).toString('hex')}`;
  const driver = createLxcDriver({ socketPath: on.socketPath, node });
  t.teardown(async () => {
    await removeEverything(driver);
    await driver.close();
  });
  const { id: imageId } = (await driver.ensureImage(await on.image(image))) ?? { id: '' };
  return { driver, node, imageId, spec: specs(node, imageId), lab: on };
}
