import { readFileSync } from 'node:fs';
import t from 'tap';
import { rbacEscalation } from '../../../controller/apiserver/admission/rbac-escalation.ts';
import type { Attributes } from '../../../controller/apiserver/auth/authorizer.ts';
import { Policy } from '../../../controller/apiserver/auth/rbac/policy.ts';
import { rbacAuthorizer } from '../../../controller/apiserver/auth/rbac/rbac-authorizer.ts';
import { builtinResources } from '../../../controller/apiserver/registry/builtin.ts';
import { validateMetadata } from '../../../controller/apiserver/verbs/metadata.ts';
import { ApiError } from '../../../controller/kit/errors.ts';
import type { KubeObject } from '../../../crds/object.ts';

interface Recorded {
  objects: KubeObject[];
  cases: (Omit<Attributes, 'user'> & { user: string; groups: string[]; allowed: boolean; reason: string })[];
  escalations: {
    user: string;
    groups: string[];
    object: KubeObject;
    old?: KubeObject;
    error?: string;
    code?: number;
  }[];
}

const read = (file: string) =>
  readFileSync(new URL(`recorded/${file}`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
const served = new Map(builtinResources().map(one => [one.resource.kind, one]));
const worlds = (read('evaluator.jsonl') as Recorded[]).map(recorded => {
  const policy = new Policy();
  for (const object of recorded.objects) policy.set(object);
  return { ...recorded, policy, authorizer: rbacAuthorizer(policy) };
});

t.test('requests are allowed and refused as Kubernetes 1.34 did, for the same reason', async t => {
  for (const [n, { cases, authorizer }] of worlds.entries())
    for (const { user: name, groups, allowed, reason, ...attributes } of cases)
      t.strictSame(
        authorizer.authorize({ ...attributes, user: { name, groups } }),
        { allowed, reason },
        `world ${n}: ${name} ${JSON.stringify(attributes)}`,
      );
});

t.test('roles and bindings that give away too much are refused in the same words', async t => {
  for (const [n, { escalations, authorizer, policy }] of worlds.entries()) {
    const plugin = rbacEscalation(authorizer, policy);
    for (const { user: name, groups, object, old, error, code } of escalations) {
      const refusal = refused(() =>
        plugin.admit({
          operation: old ? 'UPDATE' : 'CREATE',
          served: served.get(object.kind)!,
          subresource: '',
          namespace: object.metadata.namespace ?? '',
          name: object.metadata.name,
          object,
          old,
          user: { name, groups },
        }),
      );
      t.strictSame(
        { error: refusal?.message, code: refusal?.code },
        { error, code },
        `world ${n}: ${name} ${JSON.stringify(object.metadata)}`,
      );
    }
  }
});

function refused(act: () => void): ApiError | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

t.test('what is no valid role or binding is named field by field', async t => {
  for (const { object, errors } of read('validation.jsonl')) {
    const { strategy, compiled } = served.get(object.kind)!;
    const text = JSON.stringify(object);
    strategy.prepareForCreate?.(object, { user: { name: 'admin', groups: [] }, time: '', subresource: '' });
    compiled.default(object);
    const causes = [
      ...validateMetadata(object, strategy.names),
      ...compiled.validate(object),
      ...(strategy.validate?.(object) ?? []),
    ];
    t.strictSame(
      causes.map(({ field, message, reason: type }) => ({ field, message, type })),
      errors,
      text,
    );
  }
});
