import { randomBytes } from 'node:crypto';
import t from 'tap';
import { createLxcDriver } from '../../agent/drivers/lxc/lxc-driver.ts';
import { lxdByHand } from '../support/lxd-by-hand.ts';
import { noLxd } from '../support/lxd-lab.ts';
import { freePorts } from '../support/ports.ts';
import { sharedLxd } from '../support/shared-lxd.ts';
import { driverConformance } from './driver.ts';

// The first time on a machine the image is made.
t.setTimeout(300_000);
const skip = noLxd();
if (skip) {
  t.test('a driver of LXD', { skip }, async () => {});
} else {
  driverConformance(t, async () => {
    const lab = await sharedLxd(t);
    const { socketPath, image } = lab;
    const node = `test-${randomBytes(4).toString('hex')}`;
    const otherNode = `${node}-other`;
    t.teardown(async () => {
      for (const one of [node, otherNode]) await lxdByHand(lab).clear(one);
    });
    const [a, b] = await freePorts(2);
    return {
      driver: createLxcDriver({ socketPath, node }),
      other: createLxcDriver({ socketPath, node: otherNode }),
      node,
      otherNode,
      image: await image('ready'),
      ports: [a!, b!],
      tellsExitCode: false,
      // LXD 5.0 was seen to send no event of a stop, one in a thousand; the agent looks at everything now and then.
      forgetsEvents: true,
    };
  });
}
