import t from 'tap';
import { NODE, WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { listen, type Told } from './listen.ts';
import { restLab, soon } from './rest-lab.ts';

const lab = await restLab(t);
const { client } = lab.server;
const workspace = (name: string): Workspace => ({
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'Workspace',
  metadata: { name, namespace: 'default' },
  spec: { driver: 'memory' },
});

t.test('changes are told as they happen, and from where a client was cut off', async t => {
  const first = listen(lab);
  t.teardown(first.close);
  await first.open;
  await client.create(WORKSPACE, workspace('a'));
  await client.create(NODE, { apiVersion: 'nexus.dev/v1alpha1', kind: 'Node', metadata: { name: 'n9' } });
  await soon(() =>
    first.told.some(({ event, data }) => event === 'workspace_updated' && data.status === 'running'),
  );
  await soon(() => first.told.some(({ event, data }) => event === 'node_registered' && data.id === 'n9'));
  t.match(first.told.find(({ event }) => event === 'workspace_updated')?.data, {
    workspace_id: /^ws-a\.default\./,
  });
  first.close();
  const { id } = first.told.at(-1) as Told;

  await client.delete(NODE, { name: 'n9' });
  await client.delete(WORKSPACE, { name: 'a', namespace: 'default' });
  await lab.server.stopServer();
  await lab.server.startServer();
  const again = listen(lab, id);
  t.teardown(again.close);
  await soon(() => again.told.some(({ event, data }) => event === 'node_unregistered' && data.id === 'n9'));
  await soon(() =>
    again.told.some(({ event, data }) => event === 'workspace_updated' && data.deleted === true),
  );
  t.notOk(
    again.told.some(({ id: told }) => told === id),
    'nothing is told twice',
  );
});

t.test('the same path is the Kubernetes API for everybody else', async t => {
  const { body } = await lab.call('GET', '/events');
  t.equal(body.kind, 'EventList');
});
