import t, { type Test } from 'tap';
import { generateSshKey } from '../../../controller/kit/ssh-key.ts';
import { parseSshPublicKey } from '../../../controller/kit/ssh-public-key.ts';
import {
  CLUSTER_ROLE_BINDING,
  NAMESPACE,
  PLACEMENT,
  RESOURCE_QUOTA,
  ROLE,
  ROLE_BINDING,
  SUBJECT_ACCESS_REVIEW,
  USER,
  WORKSPACE,
} from '../../../crds/kinds.ts';
import { LABEL_USER, placementName } from '../../../crds/names.ts';
import type { User, UserSpec } from '../../../crds/types.generated.ts';
import { World } from './world.ts';

const keys = ['a', 'b'].map(name => generateSshKey(name).publicKey);
const key = (name: string, line = keys[0] as string) => ({ name, key: line });

async function users(t: Test) {
  const world = await World.start();
  t.teardown(() => world.close());
  const { client } = world;
  const user = async (name: string) => (await world.find(USER, { name })) as User | undefined;
  return {
    world,
    client,
    user,
    apply: (name: string, spec: UserSpec = {}) =>
      client.apply(
        USER,
        { apiVersion: 'nexus.dev/v1alpha1', kind: 'User', metadata: { name }, spec },
        { fieldManager: 'test', force: true },
      ),
    /** Waits for the condition Ready to have this reason. */
    async until(name: string, reason: string): Promise<User> {
      let last: User | undefined;
      await world.eventually(async () => {
        last = await user(name);
        const ready = last?.status?.conditions?.find(({ type }) => type === 'Ready');
        return ready?.reason === reason && ready.observedGeneration === last?.metadata.generation;
      });
      return last as User;
    },
    /** Roles that the user has, as `namespace/role`. */
    async roles(name: string): Promise<string[]> {
      const [local, everywhere] = await Promise.all([
        client.list(ROLE_BINDING, { labelSelector: `${LABEL_USER}=${name}` }),
        client.list(CLUSTER_ROLE_BINDING, { labelSelector: `${LABEL_USER}=${name}` }),
      ]);
      return [...local.items, ...everywhere.items].map(
        ({ metadata, roleRef }) => `${metadata.namespace ?? '*'}/${roleRef.name}`,
      );
    },
    /** Keys in the placement of a workspace. */
    async authorized(workspace: string, namespace: string): Promise<string[]> {
      const { items } = await client.list(PLACEMENT);
      const placement = items.find(({ metadata }) => metadata.name === placementName(workspace, namespace));
      return placement?.spec.ssh.authorizedKeys ?? [];
    },
  };
}

t.test('a user gets a namespace, the rights of the role, and is told of the keys', async t => {
  const { apply, until, roles, client } = await users(t);
  await apply('ada', { sshKeys: [key('laptop')] });
  const { status, metadata } = await until('ada', 'Ready');
  const parsed = parseSshPublicKey(keys[0] as string);
  t.match(status, {
    namespace: 'ada',
    keys: 1,
    sshKeys: [
      { name: 'laptop', type: 'ssh-ed25519', fingerprint: 'fingerprint' in parsed && parsed.fingerprint },
    ],
  });
  t.same(await roles('ada'), ['ada/nexus:member']);
  const binding = await client.get(ROLE_BINDING, { name: 'nexus:user', namespace: 'ada' });
  t.match(binding, {
    subjects: [{ kind: 'User', name: 'ada' }],
    metadata: { ownerReferences: [{ uid: metadata.uid }] },
  });
  await apply('ada', { role: 'admin' });
  await until('ada', 'Ready');
  t.same(await roles('ada'), ['*/nexus:admin']);
  await apply('ada', { role: 'viewer', sshKeys: [key('laptop')] });
  t.match((await until('ada', 'Ready')).status, { keys: 0 }, 'who only looks logs in nowhere');
  t.same(await roles('ada'), ['ada/nexus:viewer']);
  await apply('ada', { suspended: true });
  await until('ada', 'Suspended');
  t.same(await roles('ada'), []);
  await apply('ada', { suspended: false });
  await until('ada', 'Ready');
  t.same(await roles('ada'), ['ada/nexus:member']);
});

t.test('what somebody takes away by hand comes back, and a settled user is left alone', async t => {
  const { apply, until, roles, client, world } = await users(t);
  await apply('ada', { sshKeys: [key('laptop')] });
  await until('ada', 'Ready');
  await client.delete(ROLE_BINDING, { name: 'nexus:user', namespace: 'ada' });
  await world.eventually(async () => (await roles('ada')).length === 1);
  await client.delete(NAMESPACE, { name: 'ada' });
  await world.eventually(async () => {
    const found = await world.find(NAMESPACE, { name: 'ada' });
    return found !== undefined && !found.metadata.deletionTimestamp && (await roles('ada')).length === 1;
  });
  await until('ada', 'Ready');
  await world.settled();
  world.writes = [];
  await client.patch(USER, { name: 'ada' }, 'merge', { metadata: { labels: { a: 'b' } } });
  await world.settled();
  t.same(world.writes, []);
});

t.test('a namespace that was there before is not given away by a name', async t => {
  const { apply, until, roles, client, user, world } = await users(t);
  await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'payments' } });
  await apply('payments', { sshKeys: [key('laptop')] });
  const { status } = await until('payments', 'NamespaceTaken');
  t.match(status, { namespace: undefined, keys: 0 });
  t.same(await roles('payments'), []);
  await client.patch(NAMESPACE, { name: 'payments' }, 'merge', {
    metadata: { labels: { [LABEL_USER]: 'payments' } },
  });
  await until('payments', 'Ready');
  t.same(await roles('payments'), ['payments/nexus:member']);
  await client.patch(NAMESPACE, { name: 'payments' }, 'merge', {
    metadata: { labels: { [LABEL_USER]: null } },
  });
  await until('payments', 'NamespaceTaken');
  t.same(await roles('payments'), []);
  await client.delete(USER, { name: 'payments' });
  await world.eventually(async () => (await user('payments')) === undefined);
  t.ok(await client.get(NAMESPACE, { name: 'payments' }), 'nobody’s namespace stays');
});

t.test('keys of the owner are in the workspaces of the namespace while they may log in', async t => {
  const { apply, until, world, authorized } = await users(t);
  await world.addAgent('n1');
  await apply('ada', { sshKeys: [key('laptop')] });
  await until('ada', 'Ready');
  await world.apply('shop', {}, 'ada');
  await world.apply('other', {}, 'default');
  const has = (workspace: string, namespace: string, wanted: string[]) =>
    world.eventually(async () => {
      const lines = await authorized(workspace, namespace);
      return JSON.stringify(lines) === JSON.stringify(wanted);
    });
  const line = (name: string, n = 0) => `${keys[n]?.split(' ').slice(0, 2).join(' ')} ada/${name}`;
  await has('shop', 'ada', [line('laptop')]);
  t.same(await authorized('other', 'default'), [], 'in no other namespace');
  await apply('ada', { sshKeys: [key('laptop'), key('phone', keys[1])] });
  await has('shop', 'ada', [line('laptop'), line('phone', 1)]);
  await apply('ada', { sshKeys: [key('phone', keys[1])] });
  await has('shop', 'ada', [line('phone', 1)]);
  await apply('ada', { sshKeys: [key('phone', keys[1])], suspended: true });
  await has('shop', 'ada', []);
  await apply('ada', { sshKeys: [key('phone', keys[1])] });
  await has('shop', 'ada', [line('phone', 1)]);
  await apply('ada', { sshKeys: [key('phone', keys[1])], role: 'viewer' });
  await has('shop', 'ada', []);
});

t.test('a user with workspaces stays until they are gone, without any rights', async t => {
  const { apply, until, roles, world, client, user } = await users(t);
  await world.addAgent('n1');
  await apply('ada', { sshKeys: [key('laptop')] });
  await until('ada', 'Ready');
  await world.apply('shop', {}, 'ada');
  await client.delete(USER, { name: 'ada' });
  await world.eventually(async () =>
    /shop/.test(
      (await user('ada'))?.status?.conditions?.find(({ reason }) => reason === 'WorkspacesRemain')?.message ??
        '',
    ),
  );
  t.same(await roles('ada'), []);
  t.ok(await world.workspace('shop', 'ada'));
  await client.delete(WORKSPACE, { name: 'shop', namespace: 'ada' });
  await world.eventually(async () => (await user('ada')) === undefined);
  await world.eventually(async () => (await world.find(NAMESPACE, { name: 'ada' })) === undefined);
});

t.test('with the word of an admin the namespace goes with everything in it', async t => {
  const { apply, until, world, client, user } = await users(t);
  await world.addAgent('n1');
  await apply('ada');
  await until('ada', 'Ready');
  await world.apply('shop', {}, 'ada');
  await client.delete(USER, { name: 'ada' });
  await world.eventually(
    async () => (await user('ada'))?.status?.conditions?.[0]?.reason === 'WorkspacesRemain',
  );
  await client.patch(USER, { name: 'ada' }, 'merge', {
    metadata: { annotations: { 'nexus.dev/force-delete': 'true' } },
  });
  await world.eventually(async () => (await user('ada')) === undefined);
  await world.eventually(async () => (await world.find(NAMESPACE, { name: 'ada' })) === undefined);
  t.equal(await world.workspace('shop', 'ada'), undefined);
});

t.test(
  'a workspace that is shared takes the keys of those users, who may read and enter it and nothing else',
  async t => {
    const { apply, until, world, authorized, client } = await users(t);
    await world.addAgent('n1');
    await apply('ada');
    await apply('bob', { sshKeys: [key('laptop')] });
    for (const name of ['ada', 'bob']) await until(name, 'Ready');
    const share = (...authorizedUsers: string[]) =>
      world.apply('shop', { running: true, ssh: { authorizedUsers } }, 'ada');
    const may = async (verb: string, resource: string, name: string, subresource = '') => {
      const resourceAttributes = { verb, group: 'nexus.dev', resource, subresource, name, namespace: 'ada' };
      const review = await client.create(SUBJECT_ACCESS_REVIEW, {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        metadata: { name: '' },
        spec: { user: 'bob', groups: ['nexus:users'], resourceAttributes },
      });
      return review.status?.allowed === true;
    };
    const isIn = async () => (await authorized('shop', 'ada')).some(line => line.endsWith(' bob/laptop'));
    await share('bob', 'nobody');
    await world.eventually(async () => (await may('create', 'workspaces', 'shop', 'ssh')) && (await isIn()));
    t.equal(await may('get', 'workspaces', 'shop'), true);
    for (const [verb, name, subresource] of [
      ['update', 'shop'],
      ['delete', 'shop'],
      ['get', 'other'],
      ['create', 'other', 'ssh'],
      ['list', ''],
    ] as const)
      t.equal(await may(verb, 'workspaces', name, subresource), false, `${verb} ${name}`);
    await apply('bob', { sshKeys: [key('phone', keys[1])] });
    await world.eventually(async () => {
      const lines = await authorized('shop', 'ada');
      return lines.length === 1 && lines[0]?.endsWith(' bob/phone');
    });
    await client.delete(ROLE_BINDING, { name: 'nexus:shared:shop', namespace: 'ada' });
    await world.eventually(() => may('get', 'workspaces', 'shop'));
    await world.settled();
    world.writes = [];
    await client.patch(WORKSPACE, { name: 'shop', namespace: 'ada' }, 'merge', {
      metadata: { labels: { a: 'b' } },
    });
    await world.settled();
    t.same(world.writes, [], 'a settled one is left alone');
    await share();
    const isShared = async () =>
      (await world.find(ROLE, { name: 'nexus:shared:shop', namespace: 'ada' })) !== undefined;
    await world.eventually(
      async () => !(await may('get', 'workspaces', 'shop')) && (await authorized('shop', 'ada')).length === 0,
    );
    await world.eventually(async () => !(await isShared()));
    await share('bob');
    await world.eventually(() => may('get', 'workspaces', 'shop'));
    await client.delete(WORKSPACE, { name: 'shop', namespace: 'ada' });
    await world.eventually(async () => !(await isShared()));
  },
);

t.test(
  'a quota of a user bounds the workspaces of the namespace, and comes back when it is taken away',
  async t => {
    const { apply, until, world, client } = await users(t);
    await apply('ada', { quota: { workspaces: 1 } });
    await until('ada', 'Ready');
    await world.apply('one', {}, 'ada');
    await t.rejects(world.apply('two', {}, 'ada'), /quota/);
    const quota = { name: 'nexus-user', namespace: 'ada' };
    await client.delete(RESOURCE_QUOTA, quota);
    await world.eventually(async () => (await world.find(RESOURCE_QUOTA, quota)) !== undefined);
    await t.rejects(world.apply('two', {}, 'ada'), /quota/);
    await apply('ada', { quota: { workspaces: 2 } });
    await world.eventually(() =>
      world.apply('two', {}, 'ada').then(
        () => true,
        () => false,
      ),
    );
    await apply('ada');
    await world.eventually(async () => (await world.find(RESOURCE_QUOTA, quota)) === undefined);
    await world.apply('three', {}, 'ada');
  },
);
