import t from 'tap';
import { applyPatch, updateManagedFields } from '../../../controller/apiserver/apply/field-manager.ts';
import type { JsonSchema } from '../../../controller/apiserver/schema/json-schema.ts';
import { isApiError } from '../../../controller/kit/errors.ts';
import type { KubeObject, ManagedFieldsEntry, ObjectMeta } from '../../../crds/object.ts';

const text: JsonSchema = { type: 'string' };
const schema: JsonSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        image: text,
        running: { type: 'boolean' },
        services: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', properties: { name: text, command: text } },
        },
        keys: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
        hosts: { type: 'array', items: text },
        selector: { type: 'object', additionalProperties: text },
        limits: {
          type: 'object',
          'x-kubernetes-map-type': 'atomic',
          properties: { cpu: text, memory: text },
        },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
    status: { type: 'object', properties: { phase: text } },
  },
};

type Ws = KubeObject & { spec?: Record<string, unknown>; status?: Record<string, unknown> };
const ws = (spec: Record<string, unknown>, metadata: Partial<ObjectMeta> = {}): Ws => ({
  apiVersion: 'nexus.dev/v1alpha1',
  kind: 'Workspace',
  metadata: { name: 'a', namespace: 'd', ...metadata },
  spec,
});
const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;

interface Options {
  force?: boolean;
  time?: string;
  subresource?: string;
  statusSubresource?: boolean;
}
const apply = (live: Ws | undefined, applied: Ws, manager: string, options: Options = {}) =>
  applyPatch({ live, applied, manager, schema, time: at(1), ...options }) as Ws;
const update = (live: Ws | undefined, next: Ws, manager: string, options: Options = {}) =>
  updateManagedFields({ live, next, manager, schema, time: at(2), ...options }) as Ws;
const owner = (object: KubeObject, manager: string) =>
  object.metadata.managedFields?.find(entry => entry.manager === manager);
const fieldsOf = (object: KubeObject, manager: string) => owner(object, manager)?.fieldsV1;
function refused(run: () => unknown) {
  try {
    run();
  } catch (error) {
    if (isApiError(error)) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

t.test('apply creates, and the applier owns what it said', async t => {
  const made = apply(
    undefined,
    ws(
      {
        image: 'x',
        services: [{ name: 'web', command: 'a' }],
        keys: ['k'],
        hosts: ['h'],
        limits: { cpu: '1' },
      },
      { labels: { a: 'b' } },
    ),
    'alice',
  );
  t.strictSame(made.metadata, {
    name: 'a',
    namespace: 'd',
    labels: { a: 'b' },
    managedFields: [
      {
        manager: 'alice',
        operation: 'Apply',
        apiVersion: 'nexus.dev/v1alpha1',
        time: at(1),
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { 'f:a': {} } },
          'f:spec': {
            'f:image': {},
            'f:services': { 'k:{"name":"web"}': { '.': {}, 'f:name': {}, 'f:command': {} } },
            'f:keys': { 'v:"k"': {} },
            'f:hosts': {},
            'f:limits': {},
          },
        },
      },
    ],
  });
});

t.test('the same again changes nothing, not even the time', async t => {
  const config = ws({ image: 'x', services: [{ name: 'web', command: 'a' }], free: { a: [1, { b: 2 }] } });
  const made = apply(undefined, config, 'alice');
  t.equal(apply(made, structuredClone(config), 'alice', { time: at(9) }), made);
  const defaulted = { ...made, spec: { ...made.spec, running: true } };
  t.equal(apply(defaulted, config, 'alice', { time: at(9) }), defaulted, 'defaults belong to nobody');
});

t.test('what the applier says no more is removed, unless somebody else owns it', async t => {
  const made = apply(
    undefined,
    ws({
      image: 'x',
      selector: { a: '1', b: '2' },
      keys: ['k', 'l'],
      services: [
        { name: 'web', command: 'a' },
        { name: 'db', command: 'b' },
      ],
    }),
    'alice',
  );
  const shared = apply(made, ws({ selector: { b: '2' }, services: [{ name: 'db', command: 'b' }] }), 'bob');
  const less = apply(shared, ws({ keys: ['l'] }), 'alice');
  t.strictSame(less.spec, { selector: { b: '2' }, keys: ['l'], services: [{ name: 'db', command: 'b' }] });
  const { spec: _, ...bare } = ws({});
  const none = apply(apply(less, bare, 'alice'), bare, 'bob');
  t.notOk('spec' in none);
  t.strictSame(none.metadata, { name: 'a', namespace: 'd' }, 'nobody owns anything');
});

t.test('an update takes fields over, and they are not removed with the next apply', async t => {
  const made = apply(undefined, ws({ image: 'x', running: true }), 'alice');
  const edited = update(made, { ...made, spec: { ...made.spec, image: 'y' } }, 'kubectl-edit');
  t.strictSame(fieldsOf(edited, 'kubectl-edit'), { 'f:spec': { 'f:image': {} } });
  t.strictSame(fieldsOf(edited, 'alice'), { 'f:spec': { 'f:running': {} } });
  t.strictSame(apply(edited, ws({ running: true }), 'alice').spec, { image: 'y', running: true });
});

t.test('a conflict names fields and owners, in the words of Kubernetes', async t => {
  const made = update(undefined, ws({ image: 'x' }), 'kubectl-client-side-apply');
  const one = refused(() => apply(made, ws({ image: 'y' }), 'alice'));
  t.equal(one.code, 409);
  t.equal(
    one.message,
    'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using nexus.dev/v1alpha1: .spec.image',
  );
  t.strictSame(one.details?.causes, [
    {
      reason: 'FieldManagerConflict',
      message: 'conflict with "kubectl-client-side-apply" using nexus.dev/v1alpha1',
      field: '.spec.image',
    },
  ]);
  const more = apply(made, ws({ services: [{ name: 'web', command: 'a' }], keys: ['k'] }), 'bob');
  const two = refused(() =>
    apply(more, ws({ image: 'y', services: [{ name: 'web', command: 'b' }] }), 'alice'),
  );
  t.equal(
    two.message,
    'Apply failed with 2 conflicts: conflicts with "bob":\n- .spec.services[name="web"].command\nconflicts with "kubectl-client-side-apply" using nexus.dev/v1alpha1:\n- .spec.image',
  );
});

t.test('force takes over, and the other loses only those fields', async t => {
  const made = apply(undefined, ws({ image: 'x', running: true }), 'bob');
  const forced = apply(made, ws({ image: 'y' }), 'alice', { force: true });
  t.strictSame(forced.spec, { image: 'y', running: true });
  t.strictSame(fieldsOf(forced, 'bob'), { 'f:spec': { 'f:running': {} } });
});

t.test('equal values are owned together, without a conflict', async t => {
  const made = apply(undefined, ws({ image: 'x' }), 'bob');
  const shared = apply(made, ws({ image: 'x' }), 'alice');
  t.strictSame(
    [fieldsOf(shared, 'alice'), fieldsOf(shared, 'bob')],
    [{ 'f:spec': { 'f:image': {} } }, { 'f:spec': { 'f:image': {} } }],
  );
  t.strictSame(apply(shared, ws({}), 'bob').spec, { image: 'x' });
});

t.test('atomic lists and maps are owned and replaced whole', async t => {
  const made = apply(undefined, ws({ hosts: ['a'], limits: { cpu: '1', memory: '1' } }), 'bob');
  t.match(refused(() => apply(made, ws({ hosts: ['a', 'b'] }), 'alice')).details?.causes, [
    { field: '.spec.hosts' },
  ]);
  t.match(refused(() => apply(made, ws({ limits: { cpu: '2' } }), 'alice')).details?.causes, [
    { field: '.spec.limits' },
  ]);
  t.strictSame(apply(made, ws({ limits: { cpu: '2' } }), 'bob').spec, { limits: { cpu: '2' } });
});

t.test('items keep their place; applied ones come in the applied order', async t => {
  const names = (object: Ws) =>
    ((object.spec?.services ?? []) as { name: string }[]).map(s => s.name).join('');
  const list = (order: string) => ws({ services: [...order].map(name => ({ name })) });
  const made = apply(undefined, list('abcd'), 'alice');
  t.equal(names(apply(made, list('dx'), 'bob')), 'abcdx');
  t.equal(names(apply(made, list('ca'), 'bob')), 'bcda');
  t.equal(names(apply(made, list('dcba'), 'alice')), 'dcba');
});

t.test('what is applied twice in one list is refused', async t => {
  const error = refused(() =>
    apply(undefined, ws({ services: [{ name: 'a' }, { name: 'a' }], keys: ['k', 'k'] }), 'alice'),
  );
  t.equal(error.code, 422);
  t.match(error.details?.causes, [
    { reason: 'FieldValueDuplicate', field: 'spec.services[1]' },
    { field: 'spec.keys[1]' },
  ]);
});

t.test('status belongs to its own path', async t => {
  const made = apply(undefined, { ...ws({ image: 'x' }), status: { phase: 'Running' } }, 'alice');
  t.notOk('status' in made);
  const told = apply(made, { ...ws({ image: 'y' }), status: { phase: 'Running' } }, 'agent', {
    subresource: 'status',
  });
  t.strictSame([told.spec, told.status], [{ image: 'x' }, { phase: 'Running' }]);
  t.match(owner(told, 'agent'), { subresource: 'status', fieldsV1: { 'f:status': { 'f:phase': {} } } });
  t.notOk('f:spec' in (fieldsOf(told, 'agent') ?? {}));
  const written = update(told, { ...told, status: { phase: 'Failed' } }, 'controller', {
    subresource: 'status',
  });
  t.strictSame(fieldsOf(written, 'controller'), { 'f:status': { 'f:phase': {} } });
  const conflict = refused(() =>
    apply(written, { ...ws({}), status: { phase: 'Running' } }, 'agent', { subresource: 'status' }),
  );
  t.match(
    conflict.message,
    /conflict with "controller" with subresource "status" using nexus.dev\/v1alpha1: .status.phase/,
  );
  const plain = apply(undefined, { ...ws({}), status: { phase: 'Running' } }, 'alice', {
    statusSubresource: false,
  });
  t.strictSame(plain.status, { phase: 'Running' }, 'a kind without the path');
});

t.test('an update tracks what it changed and nothing else', async t => {
  const made = update(
    undefined,
    ws({ image: 'x', selector: { a: '1' }, services: [{ name: 'web', command: 'a' }] }),
    'create',
  );
  t.strictSame(fieldsOf(made, 'create'), {
    'f:spec': {
      '.': {},
      'f:image': {},
      'f:selector': { '.': {}, 'f:a': {} },
      'f:services': { '.': {}, 'k:{"name":"web"}': { '.': {}, 'f:name': {}, 'f:command': {} } },
    },
  });
  const labelled = update(
    made,
    {
      ...made,
      metadata: { ...made.metadata, labels: { l: '1' }, resourceVersion: '7', uid: 'u', generation: 2 },
    },
    'label',
  );
  t.strictSame(fieldsOf(labelled, 'label'), { 'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } } });
  const removed = update(labelled, { ...labelled, spec: { selector: {} } }, 'edit');
  t.strictSame(fieldsOf(removed, 'create'), { 'f:spec': { '.': {}, 'f:selector': {} } });
  t.strictSame(
    removed.metadata.managedFields?.map(entry => entry.manager).sort(),
    ['create', 'label'],
    'removing owns nothing',
  );
  const same = update(removed, structuredClone(removed), 'touch', { time: at(30) });
  t.strictSame(same, removed);
});

t.test('a manager in another operation, version or subresource is another manager', async t => {
  const made = apply(undefined, ws({ image: 'x' }), 'alice');
  const updated = update(made, { ...made, spec: { ...made.spec, running: true } }, 'alice');
  const told = update(updated, { ...updated, status: { phase: 'a' } }, 'alice', { subresource: 'status' });
  const later = update(
    told,
    { ...told, apiVersion: 'nexus.dev/v1', spec: { ...told.spec, hosts: ['h'] } },
    'alice',
  );
  t.strictSame(
    later.metadata.managedFields?.map(({ operation, apiVersion, subresource }) => [
      operation,
      apiVersion,
      subresource,
    ]),
    [
      ['Apply', 'nexus.dev/v1alpha1', undefined],
      ['Update', 'nexus.dev/v1', undefined],
      ['Update', 'nexus.dev/v1alpha1', undefined],
      ['Update', 'nexus.dev/v1alpha1', 'status'],
    ],
  );
});

t.test('many updaters are collapsed, the oldest first', async t => {
  let object = update(undefined, ws({ selector: {} }), 'm0', { time: at(0) });
  for (let i = 1; i <= 15; i++)
    object = update(
      object,
      { ...object, spec: { selector: { ...(object.spec?.selector as object), [`k${i}`]: 'v' } } },
      `m${i}`,
      { time: at(i) },
    );
  const managers = object.metadata.managedFields?.map(entry => entry.manager) ?? [];
  t.equal(managers.length, 10);
  t.ok(managers.includes('ancient-changes') && managers.includes('m15') && !managers.includes('m1'));
  t.match(fieldsOf(object, 'ancient-changes'), { 'f:spec': { 'f:selector': { 'f:k1': {}, 'f:k2': {} } } });
});

t.test('managedFields of the request', async t => {
  const made = apply(undefined, ws({ image: 'x' }), 'alice');
  const entry = made.metadata.managedFields?.[0] as ManagedFieldsEntry;
  const withManagers = (managedFields: ManagedFieldsEntry[] | undefined) =>
    update(made, { ...made, metadata: { ...made.metadata, managedFields } }, 'edit');
  t.strictSame(withManagers(undefined).metadata.managedFields, [entry], 'leaving them out keeps them');
  t.notOk('managedFields' in withManagers([]).metadata, 'an empty list forgets them');
  t.notOk('managedFields' in withManagers([{}]).metadata, 'and so does one empty entry');
  t.strictSame(
    withManagers([{ ...entry, manager: 'carol' }]).metadata.managedFields,
    [{ ...entry, manager: 'carol' }],
    'they can be rewritten',
  );
  for (const bad of [
    { ...entry, operation: 'Steal' },
    { ...entry, fieldsV1: { x: {} } },
    { ...entry, fieldsV1: { 'k:{': {} } },
    { ...entry, fieldsV1: { 'f:a': 1 } },
    { ...entry, fieldsType: 'x' },
    7,
  ])
    t.strictSame(
      withManagers([bad as ManagedFieldsEntry]).metadata.managedFields,
      [entry],
      `${JSON.stringify(bad)} is ignored`,
    );
});

t.test('an object from before managers is not taken over silently', async t => {
  const live = ws({ image: 'x' }, { uid: 'u', resourceVersion: '3' });
  t.match(
    refused(() => apply(live, ws({ image: 'y' }), 'alice')).message,
    /conflict with "before-first-apply" using nexus.dev\/v1alpha1: .spec.image/,
  );
  const applied = apply(live, ws({ running: true }), 'alice');
  t.strictSame(
    applied.metadata.managedFields?.map(entry => entry.manager),
    ['alice', 'before-first-apply'],
  );
  t.match(applied.metadata, { uid: 'u', resourceVersion: '3' });
  const ofStatus = applyPatch({
    live,
    applied: { ...ws({}), status: { phase: 'Running' } } as KubeObject,
    manager: 'alice',
    subresource: 'status',
    schema,
    time: '2026-01-01T00:00:00Z',
  });
  t.strictSame(
    ofStatus.metadata.managedFields?.map(entry => [entry.manager, entry.subresource]),
    [['alice', 'status']],
    'an apply of the status keeps account of the status alone',
  );
  t.strictSame(update(live, { ...live, spec: { image: 'z' } }, 'edit').metadata.managedFields, undefined);
});

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
t.test('kubectl goes over from client-side to server-side apply without a conflict', async t => {
  const config = ws({ image: 'x', running: true });
  const annotations = { [LAST_APPLIED]: JSON.stringify(config) };
  const made = update(
    undefined,
    ws({ image: 'x', running: true }, { annotations }),
    'kubectl-client-side-apply',
  );
  const over = apply(made, ws({ image: 'y' }), 'kubectl');
  t.strictSame(over.spec, { image: 'y', running: true });
  const kept = over.metadata.annotations?.[LAST_APPLIED] ?? '';
  t.match(JSON.parse(kept), { spec: { image: 'y' } }, 'client-side apply can go on from here');
  t.ok(
    isApiError(
      refused(() => apply(made, ws({ image: 'y' }), 'flux')),
      'Conflict',
    ),
    'others still conflict',
  );
  const foreign = update(made, { ...made, spec: { ...made.spec, hosts: ['h'] } }, 'edit');
  t.match(refused(() => apply(foreign, ws({ hosts: ['i'] }), 'kubectl')).details?.causes, [
    { field: '.spec.hosts' },
  ]);
  const broken = update(
    undefined,
    ws({ image: 'x' }, { annotations: { [LAST_APPLIED]: '{' } }),
    'kubectl-client-side-apply',
  );
  t.ok(
    isApiError(
      refused(() => apply(broken, ws({ image: 'y' }), 'kubectl')),
      'Conflict',
    ),
  );
  const big = update(
    undefined,
    ws({ image: 'x' }, { annotations: { [LAST_APPLIED]: '{}', big: 'x'.repeat(250_000) } }),
    'k',
  );
  t.notOk(
    apply(big, ws({ free: { a: 'y'.repeat(20_000) } }), 'kubectl').metadata.annotations?.[LAST_APPLIED],
    'unless it grows too large',
  );
});

t.test('what cannot be applied is refused', async t => {
  const live = apply(undefined, ws({ image: 'x' }, { uid: '' }), 'alice');
  const stored = { ...live, metadata: { ...live.metadata, uid: 'u', resourceVersion: '5' } };
  t.match(
    refused(() => apply(live, ws({}), '')),
    { code: 400, message: /fieldManager is required/ },
  );
  t.match(
    refused(() => apply(live, ws({}, { managedFields: [] }), 'a')),
    { code: 400, message: /managedFields must be nil/ },
  );
  t.match(
    refused(() => apply(live, { ...ws({}), apiVersion: 'nexus.dev/v2' }, 'a')),
    { code: 400, message: /Incorrect version/ },
  );
  t.match(
    refused(() => apply(stored, ws({}, { uid: 'other' }), 'a')),
    { code: 409 },
  );
  t.match(
    refused(() => apply(undefined, ws({}, { uid: 'other' }), 'a')),
    { code: 409 },
  );
  t.match(
    refused(() => apply(stored, ws({}, { resourceVersion: '4' }), 'a')),
    { code: 409 },
  );
  t.doesNotThrow(() => apply(stored, ws({}, { resourceVersion: '5', uid: 'u' }), 'a'));
});

t.test('wrong shapes are merged as they are, for validation to refuse', async t => {
  const made = apply(
    undefined,
    ws({ services: [{ name: 'a' }], selector: { a: '1' }, keys: ['k'] }),
    'alice',
  );
  const odd = apply(made, ws({ services: 'x', selector: [1], keys: [{ a: 1 }], image: { b: 1 } }), 'alice');
  t.strictSame(odd.spec, { services: 'x', selector: [1], keys: [{ a: 1 }], image: { b: 1 } });
  t.strictSame(apply(odd, ws({ services: [{ command: 'no key' }] }), 'alice').spec, {
    services: [{ command: 'no key' }],
  });
});

t.test('stored duplicates do not break anything', async t => {
  const made = update(
    undefined,
    ws({ services: [{ name: 'a', command: '1' }, { name: 'a', command: '2' }, { name: 'b' }] }),
    'old',
  );
  t.match(fieldsOf(made, 'old'), {
    'f:spec': { 'f:services': { 'k:{"name":"a"}': {}, 'k:{"name":"b"}': { 'f:name': {} } } },
  });
  const single = update(made, ws({ services: [{ name: 'a', command: '1' }, { name: 'b' }] }), 'fix');
  t.match(fieldsOf(single, 'fix'), { 'f:spec': { 'f:services': { 'k:{"name":"a"}': { 'f:command': {} } } } });
  const again = update(single, ws({ services: [{ name: 'a' }, { name: 'a' }, { name: 'b' }] }), 'dup');
  t.match(fieldsOf(again, 'dup'), { 'f:spec': { 'f:services': { 'k:{"name":"a"}': {} } } });
  const still = update(
    made,
    ws({ services: [{ name: 'a', command: '3' }, { name: 'a', command: '2' }, { name: 'b' }] }),
    'other',
  );
  t.match(fieldsOf(still, 'other'), { 'f:spec': { 'f:services': { 'k:{"name":"a"}': {} } } });
});

t.test('hostile names stay names', async t => {
  const config = ws(
    JSON.parse('{"free":{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}},"":{"a":1}}}'),
  );
  const made = apply(undefined, config, 'alice');
  t.strictSame(Object.keys(made.spec?.free as object), ['__proto__', 'constructor', '']);
  t.equal(apply(made, config, 'alice'), made);
  t.equal(({} as { x?: number }).x, undefined);
  t.strictSame(apply(made, ws({}), 'alice').spec, {});
});

t.test('a list or map that the schema has made atomic since is owned whole', async t => {
  const loose: JsonSchema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          hosts: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
          limits: { type: 'object', additionalProperties: text },
        },
      },
    },
  };
  const config = ws({ hosts: ['a', 'b'], limits: { cpu: '1' } });
  const made = applyPatch({ live: undefined, applied: config, manager: 'alice', schema: loose, time: at(1) });
  const again = apply(made, config, 'alice', { time: at(5) });
  t.strictSame(fieldsOf(again, 'alice'), { 'f:spec': { 'f:hosts': {}, 'f:limits': {} } });
  t.match(refused(() => apply(made, ws({ hosts: ['c'] }), 'bob')).details?.causes, [
    { field: '.spec.hosts' },
  ]);
});
