import t from 'tap';
import { dockerNode } from '../../support/docker-node.ts';
import { noPodman, startPodman } from '../../support/podman.ts';
import { isolationSuite } from './isolation.ts';

// The first time on a machine the image is made.
t.setTimeout(300_000);
const skip = await noPodman();

t.test('with Podman', { skip }, async t => {
  const at = await dockerNode(t, await startPodman(t));
  await t.test('workspaces of a node', async t => isolationSuite(t, at));
});
