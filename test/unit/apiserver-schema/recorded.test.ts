import { readFileSync } from 'node:fs';
import t from 'tap';
import { compileSchema } from '../../../controller/apiserver/schema/compile.ts';

interface Recorded {
  object: object;
  old?: object;
  pruned: string[];
  defaulted: object;
  causes: { reason: string; field: string; message: string }[];
}

const [head, ...cases] = readFileSync(new URL('recorded/objects.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line));
const schema = compileSchema(head.schema);

t.test('objects are pruned, defaulted and judged as Kubernetes 1.34 did', async t => {
  for (const [n, { object, old, pruned, defaulted, causes }] of (cases as Recorded[]).entries()) {
    t.strictSame(schema.prune(object).sort(), pruned, `case ${n}: what was dropped`);
    schema.default(object);
    t.strictSame(object, defaulted, `case ${n}: what was filled in`);
    const found = schema.validate(object, old);
    t.equal(found.length === 0, causes.length === 0, `case ${n}: accepted or refused`);
    // Kubernetes reports what allOf and the like refuse at the root; everything else at the field.
    const fields = new Set(causes.map(cause => cause.field));
    for (const { field, message } of found)
      if (!/\((anyOf|oneOf|not)\)|rules were not checked/.test(`${message}`) && !fields.has('<nil>'))
        t.ok(fields.has(`${field}`), `case ${n}: ${field}`);
  }
});
