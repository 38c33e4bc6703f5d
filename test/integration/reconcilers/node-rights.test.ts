import t from 'tap';
import { systemClock } from '../../../controller/kit/clock.ts';
import { silentLogger } from '../../../controller/kit/log.ts';
import { ensureNode } from '../../../controller/reconcilers/node/ensure-node.ts';
import { Heartbeats } from '../../../controller/reconcilers/node/heartbeats.ts';
import {
  createNodeReconciler,
  type NodeReconcilerOptions,
} from '../../../controller/reconcilers/node/node-reconciler.ts';
import { CLUSTER_ROLE, NAMESPACE, NODE, SUBJECT_ACCESS_REVIEW } from '../../../crds/kinds.ts';
import { nodeNamespace, nodeUser } from '../../../crds/names.ts';
import { patience } from '../../support/until.ts';
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

t.test('the namespace of a node that the cache does not show yet is left alone', async t => {
  const world = await World.start({ withoutController: true });
  t.teardown(() => world.close());
  const { client } = world;
  await ensureNode(client, { name: 'n1' });
  const namespace = await client.get(NAMESPACE, { name: nodeNamespace('n1') });
  const nothing = { get: () => undefined, list: () => [] };
  const reconciler = createNodeReconciler({
    client,
    nodes: nothing,
    leases: nothing,
    placements: nothing,
    namespaces: { get: () => namespace },
    heartbeats: new Heartbeats(systemClock, 40_000),
  } as unknown as NodeReconcilerOptions);
  const pass = () =>
    reconciler.reconcile(
      { name: 'n1' },
      { signal: AbortSignal.timeout(patience(60_000)), log: silentLogger },
    );
  await pass();
  t.equal((await client.get(NAMESPACE, { name: nodeNamespace('n1') })).metadata.deletionTimestamp, undefined);
  await client.delete(NODE, { name: 'n1' });
  await pass();
  const left = await world.find(NAMESPACE, { name: nodeNamespace('n1') });
  t.ok(!left || left.metadata.deletionTimestamp, 'it goes when the node is gone');
});
