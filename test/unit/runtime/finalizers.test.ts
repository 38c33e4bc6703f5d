import t from 'tap';
import { createClient } from '../../../controller/client/create-client.ts';
import {
  addFinalizer,
  hasFinalizer,
  isDeleting,
  removeFinalizer,
} from '../../../controller/runtime/finalizers.ts';
import { patchStatusIfChanged } from '../../../controller/runtime/patch-status.ts';
import { WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import { TinyApi } from '../../support/tiny-api.ts';

const path = '/apis/nexus.dev/v1alpha1/namespaces/default/workspaces/shop';
const conflict = { name: 'ApiError', reason: 'Conflict' };
const key = { name: 'shop', namespace: 'default' };

function setup(metadata = {}) {
  const api = new TinyApi();
  const client = createClient({ transport: api });
  const object = api.put(path, {
    metadata: { name: 'shop', namespace: 'default', ...metadata },
  }) as Workspace;
  return { api, client, object };
}

t.test('a finalizer is added once, beside those that are there', async t => {
  const { api, client, object } = setup({ finalizers: ['other/one'] });
  const next = await addFinalizer(client, WORKSPACE, object, 'nexus.dev/x', { fieldManager: 'm' });
  t.same(next.metadata.finalizers, ['other/one', 'nexus.dev/x']);
  t.equal(await addFinalizer(client, WORKSPACE, next, 'nexus.dev/x'), next);
  t.equal(api.writes.length, 1);
  t.match(api.writes[0], /fieldManager=m/);
});

t.test('an object that is being deleted gets no finalizer', async t => {
  const { api, client, object } = setup({ deletionTimestamp: 'now', finalizers: ['a/b'] });
  t.ok(isDeleting(object));
  t.equal(await addFinalizer(client, WORKSPACE, object, 'nexus.dev/x'), object);
  t.same(api.writes, []);
});

t.test('an object that changed since it was read is a conflict, and nothing is lost', async t => {
  const { api, client, object } = setup();
  api.put(path, { ...object, metadata: { ...object.metadata, finalizers: ['else/x'] } });
  await t.rejects(addFinalizer(client, WORKSPACE, object, 'nexus.dev/x'), conflict);
  t.same(api.get(path)?.metadata.finalizers, ['else/x']);
});

t.test('a finalizer is removed once; the last one lets the object go', async t => {
  const { api, client } = setup({ finalizers: ['a/b', 'nexus.dev/x'] });
  await client.delete(WORKSPACE, key);
  const object = await client.get(WORKSPACE, key);
  const left = await removeFinalizer(client, WORKSPACE, object, 'nexus.dev/x');
  t.same(left?.metadata.finalizers, ['a/b']);
  t.equal(await removeFinalizer(client, WORKSPACE, left as Workspace, 'nexus.dev/x'), left);
  t.ok(hasFinalizer(left as Workspace, 'a/b'));
  await removeFinalizer(client, WORKSPACE, left as Workspace, 'a/b');
  t.equal(api.get(path), undefined);
  t.equal(await removeFinalizer(client, WORKSPACE, left as Workspace, 'a/b'), undefined, 'gone is fine');
});

t.test('other errors of a removal are told', async t => {
  const { api, client, object } = setup({ finalizers: ['a/b'] });
  api.put(path, { ...object });
  await t.rejects(removeFinalizer(client, WORKSPACE, object, 'a/b'), conflict);
});

t.test('status is written in one patch of what differs', async t => {
  const { api, client, object } = setup();
  const first = await patchStatusIfChanged(client, WORKSPACE, object, { phase: 'Pending', nodeName: 'n1' });
  t.equal(first.status?.phase, 'Pending');
  const second = await patchStatusIfChanged(client, WORKSPACE, first, { phase: 'Running' });
  t.same(second.status, { phase: 'Running' });
  const body = api.requests.at(-1)?.body;
  t.same(body, {
    metadata: { resourceVersion: first.metadata.resourceVersion },
    status: { phase: 'Running', nodeName: null },
  });
  t.match(api.requests.at(-1)?.path, /\/shop\/status$/);
});

t.test('an equal status is not written, whatever the order of its keys', async t => {
  const { api, client, object } = setup();
  const status = { phase: 'Running' as const, nodeName: 'n1', message: undefined };
  const written = await patchStatusIfChanged(client, WORKSPACE, object, status as never);
  const again = { nodeName: 'n1', phase: 'Running' as const };
  t.equal(await patchStatusIfChanged(client, WORKSPACE, written, again), written);
  t.equal(api.writes.length, 1);
});
