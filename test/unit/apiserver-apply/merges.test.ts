import t from 'tap';
import { applyPatch } from '../../../controller/apiserver/apply/field-manager.ts';
import type { JsonSchema } from '../../../controller/apiserver/schema/json-schema.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import type { KubeObject } from '../../../crds/object.ts';
import { MERGES, SCHEMA, type Step } from './merges.ts';

type Merged = KubeObject & { spec?: object };

function apply(live: Merged | undefined, [who, spec]: Step, n: number): Merged {
  const [, manager = '', force] = /^(\w+)(!?)$/.exec(who)!;
  const applied = { apiVersion: 'a/v1', kind: 'A', metadata: { name: 'a' }, spec } as unknown as KubeObject;
  const time = `2026-01-01T00:00:${10 + n}Z`;
  return applyPatch({ live, applied, manager, force: force === '!', schema: SCHEMA as JsonSchema, time });
}

/** `items[x].v` of `{"f:items":{"k:{\"name\":\"x\"}":{"f:v":{}}}}`. */
function leaves(fields: object, path = ''): string[] {
  return Object.entries(fields).flatMap(([key, below]: [string, object]) => {
    if (key === '.') return [];
    const name = key.slice(2);
    const at =
      key[0] === 'f'
        ? `${path}${path && '.'}${name}`
        : `${path}[${key[0] === 'k' ? JSON.parse(name).name : JSON.parse(name)}]`;
    const inner = leaves(below, at);
    return inner.length > 0 || '.' in below ? inner : [at];
  });
}

for (const [kind, merges] of Object.entries(MERGES))
  t.test(kind, async t => {
    for (const { reason, steps, spec, conflicts, owners } of merges) {
      let live: Merged | undefined;
      let refused: string[] | undefined;
      for (const [n, step] of steps.entries())
        try {
          live = apply(live, step, n);
        } catch (error) {
          if (!(error instanceof ApiError) || n < steps.length - 1) throw error;
          const of = (message = '') => /conflict with "(\w+)"/.exec(message)?.[1];
          refused = error.details?.causes?.map(cause => `${of(cause.message)} ${cause.field}`).sort();
        }
      t.strictSame(refused, conflicts, `${reason}: what is refused`);
      if (spec) t.strictSame(live?.spec, spec, reason);
      if (!owners) continue;
      const found = Object.fromEntries(
        (live?.metadata.managedFields ?? []).map(({ manager, fieldsV1 }) => [
          manager,
          leaves((fieldsV1 as { 'f:spec'?: object })['f:spec'] ?? {}).sort(),
        ]),
      );
      t.strictSame(found, owners, `${reason}: who owns what`);
    }
  });
