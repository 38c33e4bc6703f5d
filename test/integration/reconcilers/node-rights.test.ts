import t from 'tap';
import { CLUSTER_ROLE, NODE, SUBJECT_ACCESS_REVIEW } from '../../../crds/kinds.ts';
import { nodeUser } from '../../../crds/names.ts';
import { World } from './world.ts';

/** Whether the agent of a node may report its Node. */
async function mayReport({ client }: World, node: string): Promise<boolean> {
  const { status } = await client.create(SUBJECT_ACCESS_REVIEW, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: { name: '' },
    spec: {
      user: nodeUser(node),
      groups: ['nexus:nodes', 'system:authenticated'],
      resourceAttributes: {
        group: 'nexus.dev',
        resource: 'nodes',
        subresource: 'status',
        verb: 'patch',
        name: node,
      },
    },
  });
  return status?.allowed === true;
}

const declare = ({ client }: World, name: string) =>
  client.create(NODE, { apiVersion: 'nexus.dev/v1alpha1', kind: 'Node', metadata: { name }, spec: {} });

t.test('an agent has rights while its Node is there, and a namesake brings new ones', async t => {
  const world = await World.start();
  t.teardown(() => world.close());
  const { client } = world;
  await declare(world, 'n1');
  await world.eventually(() => mayReport(world, 'n1'));
  t.equal(await mayReport(world, 'n2'), false);
  await client.delete(NODE, { name: 'n1' });
  await world.eventually(async () => !(await mayReport(world, 'n1')));
  const { metadata } = await declare(world, 'n1');
  await world.eventually(() => mayReport(world, 'n1'));
  await world.settled();
  const role = await client.get(CLUSTER_ROLE, { name: nodeUser('n1') });
  t.match(role.metadata.ownerReferences, [{ kind: 'Node', uid: metadata.uid }]);
  await client.patch(CLUSTER_ROLE, { name: nodeUser('n1') }, 'merge', { rules: [] });
  await world.eventually(
    () => mayReport(world, 'n1'),
    () => 'what was taken away by hand comes back',
  );
});

t.test('the node of this machine is made again when somebody deletes it', async t => {
  const world = await World.start({ localNode: { name: 'here', labels: { a: 'b' } } });
  t.teardown(() => world.close());
  await world.eventually(() => mayReport(world, 'here'));
  const first = await world.client.get(NODE, { name: 'here' });
  t.equal(first.metadata.labels?.a, 'b');
  await world.client.delete(NODE, { name: 'here' });
  await world.eventually(async () => {
    const again = await world.find(NODE, { name: 'here' });
    return (
      again !== undefined && again.metadata.uid !== first.metadata.uid && (await mayReport(world, 'here'))
    );
  });
});
