import type { ResourceQuota } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import { invalid, required } from '../schema/causes.ts';
import { isStandard } from './counted.ts';

type Spec = NonNullable<ResourceQuota['spec']>;

const OF_PODS = [
  'Terminating',
  'NotTerminating',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
];
const BEST_EFFORT = 'BestEffort';
const OF_VOLUMES = 'VolumeAttributesClass';
const SCOPES: ReadonlySet<string> = new Set([...OF_PODS, BEST_EFFORT, OF_VOLUMES]);
/** Those that are so or not, without values to choose from. */
const PLAIN: ReadonlySet<string> = new Set([
  'Terminating',
  'NotTerminating',
  BEST_EFFORT,
  'NotBestEffort',
  'CrossNamespacePodAffinity',
]);
const OPPOSITES = [
  [BEST_EFFORT, 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;
const POD_AMOUNTS: ReadonlySet<string> = new Set([
  'cpu',
  'memory',
  'limits.cpu',
  'limits.memory',
  'requests.cpu',
  'requests.memory',
]);

/** What is wrong with the scopes of a quota, in Kubernetes' words. */
export function scopeCauses(spec: Spec, old: Spec | undefined): Cause[] {
  const { scopes = [], scopeSelector } = spec;
  const causes = listedCauses(spec, 'spec.scopes', scopes, scopes);
  if (scopeSelector) causes.push(...selectorCauses(spec));
  if (old && !jsonEqual([...new Set(scopes)].sort(), [...new Set(old.scopes ?? [])].sort()))
    causes.push(invalid('spec.scopes', spec.scopes ?? null, 'field is immutable'));
  return causes;
}

function listedCauses(spec: Spec, field: string, scopes: readonly string[], value: unknown): Cause[] {
  const causes: Cause[] = [];
  for (const scope of scopes) {
    if (!SCOPES.has(scope)) causes.push(invalid(field, value, 'unsupported scope'));
    causes.push(...unfitCauses(spec, field, scope, value));
  }
  return [...causes, ...conflictCauses(field, scopes, value)];
}

function unfitCauses({ hard = {} }: Spec, field: string, scope: string, value: unknown): Cause[] {
  return Object.keys(hard)
    .filter(name => isStandard(name) && !fits(scope, name))
    .map(() => invalid(field, value, 'unsupported scope applied to resource'));
}

function fits(scope: string, name: string): boolean {
  if (scope === BEST_EFFORT) return name === 'pods';
  if (scope === OF_VOLUMES) return name === 'persistentvolumeclaims' || name === 'requests.storage';
  return !OF_PODS.includes(scope) || name === 'pods' || POD_AMOUNTS.has(name);
}

function conflictCauses(field: string, scopes: readonly string[], value: unknown): Cause[] {
  return OPPOSITES.filter(pair => pair.every(scope => scopes.includes(scope))).map(() =>
    invalid(field, value, 'conflicting scopes'),
  );
}

function selectorCauses(spec: Spec): Cause[] {
  const field = 'spec.scopeSelector.matchExpressions';
  const expressions = spec.scopeSelector?.matchExpressions ?? [];
  const causes: Cause[] = [];
  for (const { scopeName, operator, values = [] } of expressions) {
    if (!SCOPES.has(scopeName)) causes.push(invalid(`${field}.scopeName`, scopeName, 'unsupported scope'));
    causes.push(...unfitCauses(spec, field, scopeName, spec.scopeSelector));
    if (PLAIN.has(scopeName) && operator !== 'Exists')
      causes.push(
        invalid(
          `${field}.operator`,
          operator,
          "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
        ),
      );
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        causes.push(
          required(
            `${field}.values`,
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
          ),
        );
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        causes.push(
          invalid(
            `${field}.values`,
            values,
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
          ),
        );
    } else causes.push(invalid(`${field}.operator`, operator, 'not a valid selector operator'));
  }
  const names = expressions.map(({ scopeName }) => scopeName);
  return [...causes, ...conflictCauses(field, names, spec.scopes ?? null)];
}
