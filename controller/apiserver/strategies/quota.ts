import type { KubeObject, ResourceQuota } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import { Quantity } from '../../kit/quantity.ts';
import { isCount, isStandard } from '../quota/counted.ts';
import { scopeCauses } from '../quota/scopes.ts';
import { invalid } from '../schema/causes.ts';
import { qualifiedNameFaults } from '../selectors/label-selector.ts';
import { PLAIN_STRATEGY, type Strategy } from './strategy.ts';

/** A quota bounds counts of objects; what Kubernetes bounds beside them, and what a scope narrows it to, is taken and not enforced: nothing here has it. */
export const quotaStrategy: Strategy = {
  ...PLAIN_STRATEGY,
  normalize: numbersAsText,
  validate(object, old) {
    const { spec = {} } = object as ResourceQuota;
    const causes = Object.entries(spec.hard ?? {}).flatMap(([name, value]) => [
      ...nameCauses(name),
      ...valueCauses(name, value),
    ]);
    return [...causes, ...scopeCauses(spec, old && ((old as ResourceQuota).spec ?? {}))];
  },
};

function numbersAsText(object: KubeObject): void {
  const { hard } = ((object as ResourceQuota).spec ?? {}) as { hard?: unknown };
  if (typeof hard !== 'object' || hard === null) return;
  for (const [name, value] of Object.entries(hard))
    if (typeof value === 'number' || value === null)
      (hard as Record<string, string>)[name] = String(value ?? 0);
}

function nameCauses(name: string): Cause[] {
  const field = `spec.hard[${name}]`;
  const causes = qualifiedNameFaults(name).map(fault => invalid(field, name, fault));
  if (name.includes('/') || isStandard(name)) return causes;
  return [...causes, invalid(field, name, 'must be a standard resource for quota')];
}

function valueCauses(name: string, value: string): Cause[] {
  const field = `spec.hard[${name}]`;
  const quantity = Quantity.parse(value);
  if (!quantity) return [invalid(field, value, 'must be a quantity, as in 5 or 1k')];
  if (quantity.nanos < 0n) return [invalid(field, value, 'must be greater than or equal to 0')];
  return isCount(name) && !quantity.isInteger() ? [invalid(field, value, 'must be an integer')] : [];
}
