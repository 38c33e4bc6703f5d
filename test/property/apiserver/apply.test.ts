import fc from 'fast-check';
import t from 'tap';
import { applyPatch, updateManagedFields } from '../../../controller/apiserver/apply/field-manager.ts';
import { toFieldSet } from '../../../controller/apiserver/apply/field-paths.ts';
import {
  difference,
  equal,
  type FieldSet,
  intersection,
  isEmpty,
  union,
} from '../../../controller/apiserver/apply/field-set.ts';
import { mergeTypeOf } from '../../../controller/apiserver/apply/merge-type.ts';
import { isObject, type JsonSchema } from '../../../controller/apiserver/schema/json-schema.ts';
import { isApiError } from '../../../controller/kit/errors.ts';
import { jsonEqual } from '../../../controller/kit/json.ts';
import type { KubeObject } from '../../../crds/object.ts';

const text: JsonSchema = { type: 'string' };
const schema: JsonSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        a: text,
        set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
        list: { type: 'array', items: text },
        map: { type: 'object', additionalProperties: text },
        items: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', properties: { name: text, v: text, w: text } },
        },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
  },
};

const word = fc.constantFrom('x', 'y', 'z');
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const compact = (record: object) => JSON.parse(JSON.stringify(record));
/** Configurations whose map keys and items bear `prefix`; of fields that cannot be shared only those in `own`. */
const config = (prefix: string, own: readonly string[] = ['a', 'list']) => {
  const name = fc.constantFrom('1', '2', '3').map(n => prefix + n);
  const item = fc.record({ name, v: optional(word), w: optional(word) });
  return fc
    .record({
      a: own.includes('a') ? optional(word) : fc.constant(undefined),
      list: own.includes('list') ? optional(fc.array(word, { maxLength: 3 })) : fc.constant(undefined),
      set: optional(fc.uniqueArray(name, { minLength: 1, maxLength: 3 })),
      map: optional(fc.dictionary(name, word, { minKeys: 1, maxKeys: 3 })),
      items: optional(fc.uniqueArray(item, { selector: i => i.name, minLength: 1, maxLength: 3 })),
      free: optional(
        fc.dictionary(name, fc.oneof(word, fc.array(word), fc.dictionary(word, word, { minKeys: 1 })), {
          minKeys: 1,
          maxKeys: 3,
        }),
      ),
    })
    .map(spec => ({ apiVersion: 'a/v1', kind: 'A', metadata: { name: 'a' }, spec: compact(spec) }));
};
type Config = KubeObject & { spec: Record<string, unknown> };
let clock = 0;
const apply = (live: KubeObject | undefined, applied: Config, manager: string, force = false) =>
  applyPatch({
    live,
    applied,
    manager,
    force,
    schema,
    time: new Date(clock++ * 1000).toISOString(),
  }) as Config;
const bare: Config = { apiVersion: 'a/v1', kind: 'A', metadata: { name: 'a' }, spec: {} };
/** Whatever the order of sets and list maps, which depends on who came first. */
const unordered = (object: KubeObject) => {
  const sorted = JSON.parse(JSON.stringify((object as Config).spec ?? {}));
  sorted.set?.sort();
  sorted.items?.sort((a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1));
  return sorted;
};
const RUNS = { numRuns: 150 };

t.test('applying twice is applying once', async t => {
  fc.assert(
    fc.property(config('k'), config('k'), (first, second) => {
      const made = apply(apply(undefined, first, 'm'), second, 'n', true);
      return (
        apply(made, second, 'n') === made &&
        jsonEqual(unordered(made), unordered(apply(made, second, 'n', true)))
      );
    }),
    RUNS,
  );
  t.pass();
});

t.test('a configuration that one manager alone applies is the object', async t => {
  fc.assert(
    fc.property(fc.array(config('k'), { minLength: 1, maxLength: 4 }), configs => {
      let live: Config | undefined;
      for (const each of configs) live = apply(live, each, 'm');
      const last = configs.at(-1) as Config;
      return jsonEqual(unordered(live as Config), unordered(last));
    }),
    RUNS,
  );
  t.pass();
});

t.test('applying and then saying nothing more restores what was there', async t => {
  fc.assert(
    fc.property(config('p'), config('k', []), (before, mine) => {
      const made = apply(undefined, before, 'other');
      const back = apply(apply(made, mine, 'm'), bare, 'm');
      return jsonEqual(unordered(back), unordered(made));
    }),
    RUNS,
  );
  t.pass();
});

t.test('managers of different fields do not disturb each other, in whatever order they come', async t => {
  fc.assert(
    fc.property(config('p', ['a']), config('q', ['list']), (p, q) => {
      const pq = apply(apply(undefined, p, 'm'), q, 'n');
      const qp = apply(apply(undefined, q, 'n'), p, 'm');
      const owners = (object: KubeObject) =>
        object.metadata.managedFields
          ?.map(({ time: _, ...entry }) => entry)
          .sort((a, b) => ((a.manager ?? '') < (b.manager ?? '') ? -1 : 1));
      return jsonEqual(unordered(pq), unordered(qp)) && jsonEqual(owners(pq), owners(qp));
    }),
    RUNS,
  );
  t.pass();
});

t.test('after an update everything that is there has an owner, and nothing that is gone', async t => {
  fc.assert(
    fc.property(fc.array(config('k'), { minLength: 1, maxLength: 4 }), configs => {
      let live: Config | undefined;
      for (const [i, next] of configs.entries()) {
        const time = new Date(clock++ * 1000).toISOString();
        const written = {
          ...next,
          metadata: { ...next.metadata, managedFields: live?.metadata.managedFields },
        };
        live = updateManagedFields({ live, next: written, manager: `m${i % 2}`, schema, time }) as Config;
      }
      let owned: FieldSet = {};
      for (const entry of live?.metadata.managedFields ?? [])
        owned = union(owned, entry.fieldsV1 as FieldSet);
      const made = updateManagedFields({
        live: undefined,
        next: configs.at(-1) as Config,
        manager: 'm',
        schema,
        time: 'x',
      });
      return (
        equal(owned, (made.metadata.managedFields?.[0]?.fieldsV1 ?? {}) as FieldSet) ||
        live?.metadata.managedFields === undefined
      );
    }),
    RUNS,
  );
  t.pass();
});

const fieldSet = fc
  .letrec<{ node: FieldSet }>(tie => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant({} as FieldSet),
      fc
        .tuple(
          fc.boolean(),
          fc.dictionary(fc.constantFrom('f:a', 'f:b', 'v:1'), tie('node'), { minKeys: 1, maxKeys: 3 }),
        )
        .map(([member, children]) => ({ ...(member && { '.': {} }), ...children }) as FieldSet),
    ),
  }))
  .node.map(({ '.': _, ...set }) => set as FieldSet);
t.test('sets of fields obey the laws of sets', async t => {
  fc.assert(
    fc.property(fieldSet, fieldSet, (a, b) => {
      const [both, left, right] = [intersection(a, b), difference(a, b), difference(b, a)];
      return (
        equal(union(a, b), union(b, a)) &&
        equal(both, intersection(b, a)) &&
        equal(union(both, left), a) &&
        isEmpty(intersection(left, b)) &&
        equal(union(union(left, right), both), union(a, b)) &&
        isEmpty(difference(a, union(a, b)))
      );
    }),
    { numRuns: 500 },
  );
  t.pass();
});

t.test(
  'no order of applies loses a field that somebody still owns, or keeps one that nobody owns',
  async t => {
    const type = mergeTypeOf(schema);
    const step = fc.record({ who: fc.constantFrom('m', 'n', 'o'), force: fc.boolean(), what: config('k') });
    const isSubset = (a: FieldSet, b: FieldSet) => isEmpty(difference(a, b));
    const ownsOf = (object: KubeObject) =>
      new Map(object.metadata.managedFields?.map(e => [e.manager ?? '', (e.fieldsV1 ?? {}) as FieldSet]));
    let conflicts = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 8 }), steps => {
        let live: Config | undefined;
        for (const { who, force, what } of steps) {
          const before = live && ownsOf(live);
          try {
            live = apply(live, structuredClone(what), who, force);
          } catch (error) {
            if (force || !isApiError(error, 'Conflict')) throw error;
            conflicts++;
            continue;
          }
          const owns = ownsOf(live);
          const there = toFieldSet({ spec: live.spec }, type);
          const said = toFieldSet({ spec: what.spec }, type);
          let owned: FieldSet = {};
          for (const [manager, fields] of owns) {
            if (!isSubset(fields, withParents(there))) return false;
            if (manager !== who && !isSubset(fields, before?.get(manager) ?? {})) return false;
            owned = union(owned, fields);
          }
          if (!equal(owns.get(who) ?? {}, said) || !isSubset(there, owned)) return false;
          if (!hasAll(live.spec, what.spec)) return false;
          // Without force nobody else loses anything.
          for (const [manager, fields] of before ?? [])
            if (!force && manager !== who && !equal(fields, owns.get(manager) ?? {})) return false;
        }
        return true;
      }),
      { numRuns: 400 },
    );
    t.ok(conflicts > 100, `${conflicts} applies were refused for a conflict`);
  },
);

/** What is there has what it is in: who said nothing but that it is empty goes on owning it when others fill it. */
function withParents(set: FieldSet): FieldSet {
  return Object.fromEntries(
    Object.entries(set).map(([path, children]) => [
      path,
      Object.keys(children).length === 0 ? children : { '.': {}, ...withParents(children) },
    ]),
  );
}

/** Whether everything that was said is there, with the value that was said. */
function hasAll(live: unknown, said: unknown): boolean {
  if (Array.isArray(said))
    return said.every(one =>
      (live as unknown[]).some(other =>
        isObject(one) && isObject(other)
          ? one.name === other.name && hasAll(other, one)
          : jsonEqual(one, other),
      ),
    );
  if (!isObject(said)) return jsonEqual(live, said);
  return Object.entries(said).every(([key, value]) => isObject(live) && hasAll(live[key], value));
}
