import t from 'tap';
import { lxcNode } from '../support/lxc-node.ts';
import { noLxd } from '../support/lxd-lab.ts';
import { sharedLxd } from '../support/shared-lxd.ts';
import { guestInEngine } from './guest-in-engine.ts';

// The first time on a machine the image is made.
t.setTimeout(300_000);

const skip = noLxd();
if (skip) {
  t.test('the guest in a system container', { skip }, async () => {});
} else {
  const lab = await sharedLxd(t);
  guestInEngine(t, t => lxcNode(t, 'system', lab));
}
