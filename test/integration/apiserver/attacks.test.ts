import t from 'tap';
import { CM, refused, WS } from './lab.ts';
import { binding, MERGE, RBAC, type RbacLab, startRbacLab, user } from './rbac-lab.ts';

const nexus = '/apis/nexus.dev/v1alpha1';
const nodes = `${nexus}/nodes`;
const placements = (node: string) => `${nexus}/namespaces/nexus-node-${node}/placements`;
const secrets = (namespace: string) => `/api/v1/namespaces/${namespace}/secrets`;
const leases = (node: string) => `/apis/coordination.k8s.io/v1/namespaces/nexus-node-${node}/leases`;
const merge = MERGE.type;
type Request = [method: string, path: string, body?: object, type?: string];

/** What each request is answered with, as `code METHOD path`, so that a difference names itself. */
async function answers(call: RbacLab['call'], requests: Request[]): Promise<string[]> {
  const all: string[] = [];
  for (const [method, path, body, type] of requests) {
    const { code } = await call(method, path, body, type === undefined ? {} : { type });
    all.push(`${code} ${method} ${path}`);
  }
  return all;
}
const all = (code: number, requests: Request[]) =>
  requests.map(([method, path]) => `${code} ${method} ${path}`);

async function twoNodes(t: Parameters<typeof startRbacLab>[0]) {
  const lab = await startRbacLab(t);
  const [agent, other] = [await lab.agent('n1'), await lab.agent('n2')];
  for (const node of ['n1', 'n2']) {
    await lab.call('POST', placements(node), placement(node));
    await lab.call('POST', secrets(`nexus-node-${node}`), {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
    });
  }
  return { ...lab, agent, other };
}

t.test('a node’s agent may do its work', async t => {
  const { agent } = await twoNodes(t);
  const work: Request[] = [
    ['GET', placements('n1')],
    ['GET', `${placements('n1')}/p`],
    ['PATCH', `${placements('n1')}/p/status`, { status: { observedGeneration: 1 } }, merge],
    ['PATCH', `${placements('n1')}/p`, { metadata: { finalizers: ['nexus.dev/agent'] } }, merge],
    ['GET', secrets('nexus-node-n1')],
    ['GET', `${nodes}/n1`],
    ['GET', `${nodes}?fieldSelector=metadata.name%3Dn1`],
    ['PATCH', `${nodes}/n1/status`, { status: { address: 'h' } }, merge],
    ['GET', leases('n1')],
  ];
  t.same(await answers(agent, work), all(200, work));
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'n1' } };
  t.equal((await agent('POST', leases('n1'), lease)).code, 201);
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e' },
    involvedObject: { namespace: 'nexus-node-n1' },
  };
  t.equal((await agent('POST', '/api/v1/namespaces/nexus-node-n1/events', event)).code, 201);
});

t.test('and nothing of another node, of users, or of the installation', async t => {
  const { agent } = await twoNodes(t);
  const own = placements('n1');
  const other = placements('n2');
  const attempts: Request[] = [
    ['GET', other],
    ['GET', `${other}/p`],
    ['GET', `${other}?watch=true`],
    ['GET', `${nexus}/placements`],
    ['GET', `${nexus}/placements?fieldSelector=metadata.namespace%3Dnexus-node-n1`],
    ['PATCH', `${other}/p/status`, {}, merge],
    ['PATCH', `${other}/p`, { metadata: { finalizers: [] } }, merge],
    ['PATCH', `${own}/p`, { metadata: { labels: { a: 'b' } } }, merge],
    ['PATCH', `${own}/p`, { spec: { running: false } }, merge],
    ['PATCH', `${own}/p?fieldManager=x&force=true`, placement('n2'), 'application/apply-patch+yaml'],
    ['DELETE', `${own}/p`],
    ['DELETE', own],
    ['POST', own, placement('n1')],
    ['GET', secrets('nexus-node-n2')],
    ['GET', `${secrets('nexus-node-n2')}/s`],
    ['GET', '/api/v1/secrets'],
    ['GET', secrets('default')],
    ['POST', secrets('nexus-node-n1'), {}],
    ['GET', leases('n2')],
    ['POST', leases('n2'), {}],
    ['GET', nodes],
    ['GET', `${nodes}/n2`],
    ['GET', `${nodes}?fieldSelector=metadata.name%3Dn2`],
    ['GET', `${nodes}?fieldSelector=metadata.name!%3Dn2`],
    ['PATCH', `${nodes}/n2/status`, {}, merge],
    ['PATCH', `${nodes}/n1`, { spec: { unschedulable: true } }, merge],
    ['POST', nodes, { apiVersion: 'nexus.dev/v1alpha1', kind: 'Node', metadata: { name: 'n3' } }],
    ['DELETE', `${nodes}/n1`],
    ['GET', WS],
    ['GET', `${nexus}/users`],
    ['GET', '/api/v1/namespaces'],
    ['GET', CM],
    ['GET', `${RBAC}/clusterroles`],
    ['POST', `${RBAC}/namespaces/nexus-node-n1/rolebindings`, binding('b', 'cluster-admin')],
    ['POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec: { user: 'x' } }],
    ['GET', '/metrics'],
    ['GET', '/nexus/v1/backup'],
  ];
  t.same(await answers(agent, attempts), all(403, attempts));
  const as = await agent('GET', other, undefined, { headers: { 'impersonate-user': 'nexus:node:n2' } });
  refused(t, as, 403, 'Forbidden');
});

t.test('an identity is its name and groups: neither a lookalike nor the group alone is a node', async t => {
  const { as } = await twoNodes(t);
  for (const call of [
    await as('nexus:node:', 'nexus:nodes'),
    await as('n1', 'nexus:nodes'),
    await as('nexus:nodes'),
  ])
    t.match(await call('GET', placements('n1')), { code: 403 });
});

t.test('with its Node go the rights of an agent, and a new Node of the name is another', async t => {
  const { call, agent } = await twoNodes(t);
  const rights = async () =>
    (await call('GET', `${RBAC}/clusterroles/nexus:node:n1`)).body.metadata.ownerReferences;
  const { uid } = (await call('GET', `${nodes}/n1`)).body.metadata;
  t.match(await rights(), [{ kind: 'Node', name: 'n1', uid }], 'the garbage collector knows');
  await call('DELETE', `${RBAC}/clusterrolebindings/nexus:node:n1`);
  t.equal((await agent('GET', `${nodes}/n1`)).code, 403);
});

t.test('who may write roles in a namespace does not get out of it', async t => {
  const { call, as } = await startRbacLab(t);
  await call('POST', `${RBAC}/namespaces/default/rolebindings`, binding('a', 'admin', user('ann')));
  await call('POST', `${RBAC}/namespaces/default/rolebindings`, binding('m', 'nexus:member', user('ann')));
  const ann = await as('ann', 'nexus:users');
  const body = binding('b', 'cluster-admin', user('ann'));
  const attempts: Request[] = [
    ['POST', `${RBAC}/namespaces/default/rolebindings`, body],
    ['POST', `${RBAC}/namespaces/default/rolebindings`, binding('b', 'nexus:admin', user('ann'))],
    ['POST', `${RBAC}/namespaces/kube-system/rolebindings`, binding('b', 'view', user('ann'))],
    ['POST', `${RBAC}/clusterrolebindings`, { ...body, kind: 'ClusterRoleBinding' }],
    ['PATCH', `${RBAC}/clusterroles/nexus:member`, { rules: [] }, merge],
    ['GET', secrets('kube-system')],
    ['GET', '/api/v1/secrets'],
    ['GET', `${nexus}/workspaces`],
    ['GET', '/api/v1/namespaces/nexus-system/configmaps'],
    ['PATCH', `${nexus}/users/ann`, { spec: { role: 'admin' } }, merge],
    ['GET', `${nexus}/namespaces/nexus-node-n1/placements`],
    ['POST', `${nexus}/namespaces/kube-system/workspaces`, {}],
  ];
  t.same(await answers(ann, attempts), all(403, attempts));
  const may: Request[] = [
    ['GET', WS],
    ['GET', nodes],
    ['GET', secrets('default')],
    ['GET', '/api/v1/namespaces/default'],
  ];
  t.same(await answers(ann, may), all(200, may));
  await call('POST', '/api/v1/namespaces/nexus-system/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'nexus-gateway' },
  });
  const gateway = '/api/v1/namespaces/nexus-system/configmaps/nexus-gateway';
  t.equal(
    (await (await as('anybody'))('GET', gateway)).code,
    200,
    'where the gateway is, everybody may know',
  );
});

function placement(node: string) {
  return {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'Placement',
    metadata: { name: 'p' },
    spec: {
      workspace: { name: 'w', namespace: 'default', uid: 'u', generation: 1 },
      nodeName: node,
      running: true,
      driver: 'memory',
      image: 'debian:12',
      ssh: { user: 'dev', port: 2222, authorizedKeys: [] },
    },
  };
}
