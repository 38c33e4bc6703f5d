import t from 'tap';
import { lxcNode } from '../../support/lxc-node.ts';
import { noLxd } from '../../support/lxd-lab.ts';
import { isolationSuite } from './isolation.ts';

// The first time on a machine the image is made.
t.setTimeout(300_000);

t.test('workspaces of a node with LXD', { skip: noLxd() }, async t =>
  isolationSuite(t, await lxcNode(t, 'ready')),
);
