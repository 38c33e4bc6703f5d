import { readFileSync } from 'node:fs';
import t from 'tap';
import { applyPatch, updateManagedFields } from '../../../controller/apiserver/apply/field-manager.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import type { KubeObject, ManagedFieldsEntry } from '../../../crds/object.ts';

/** One write, and what the field manager of Kubernetes 1.34 made of it. */
interface Step {
  type: 'apply' | 'update';
  manager: string;
  subresource: string;
  force?: boolean;
  obj: KubeObject;
  result: KubeObject | { code: number; message: string; causes: object[] };
}

const [head, ...cases] = readFileSync(new URL('recorded/apply.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line));
const { schema } = head;

function run(step: Step, live: KubeObject | undefined, time: string): KubeObject {
  const { manager, subresource, force = false } = step;
  const object = structuredClone(step.obj);
  return step.type === 'apply'
    ? applyPatch({ live, applied: object, manager, force, subresource, schema, time })
    : updateManagedFields({ live, next: object, manager, subresource, schema, time });
}

/** Times were left out of the record, and with them the order that they make. */
function timeless(object: KubeObject): KubeObject {
  const managedFields = object.metadata.managedFields
    ?.map(({ time: _, ...entry }: ManagedFieldsEntry) => entry)
    .sort((a, b) => (identity(a) < identity(b) ? -1 : 1));
  return { ...object, metadata: { ...object.metadata, ...(managedFields && { managedFields }) } };
}

const identity = (entry: ManagedFieldsEntry) =>
  JSON.stringify([entry.operation, entry.manager, entry.subresource]);

t.test('applies and updates end as they did in Kubernetes: objects, owners and conflicts', async t => {
  for (const [n, steps] of (cases as Step[][]).entries()) {
    let live: KubeObject | undefined;
    for (const [i, step] of steps.entries()) {
      const name = `case ${n}, step ${i}`;
      try {
        live = run(step, live, `2026-01-01T00:00:${10 + i}Z`);
        t.strictSame(timeless(live), timeless(step.result as KubeObject), name);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        const { code, message, details } = error;
        t.strictSame({ code, message, causes: details?.causes }, step.result, name);
      }
    }
  }
});
