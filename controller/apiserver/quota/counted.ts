import type { ResourceQuota } from '../../../crds/object.ts';
import { Quantity } from '../../kit/quantity.ts';
import { groupResource } from '../refusals.ts';

/** Resources of the core group that a quota may name without `count/`. */
const PLAIN_NAMES: ReadonlySet<string> = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
]);
/** What else a quota of Kubernetes may name. */
const AMOUNTS: ReadonlySet<string> = new Set([
  'cpu',
  'ephemeral-storage',
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
  'requests.storage',
  'services.loadbalancers',
  'services.nodeports',
]);
const COUNT = 'count/';

export const isCount = (name: string): boolean => name.startsWith(COUNT) || PLAIN_NAMES.has(name);
export const isStandard = (name: string): boolean =>
  PLAIN_NAMES.has(name) || AMOUNTS.has(name) || /^(requests\.)?hugepages-/.test(name);

export interface Counted {
  readonly group: string;
  readonly plural: string;
}

/** Which objects a name of a quota counts; undefined for what is no count. */
export function countedBy(name: string): Counted | undefined {
  if (PLAIN_NAMES.has(name)) return { group: '', plural: name };
  if (!name.startsWith(COUNT)) return undefined;
  const resource = name.slice(COUNT.length);
  const dot = resource.indexOf('.');
  return dot < 0
    ? { group: '', plural: resource }
    : { group: resource.slice(dot + 1), plural: resource.slice(0, dot) };
}

/** Whether a quota is about a part of the Pods or volumes alone: nothing that is counted here is in it. */
export function isScoped({ spec = {} }: ResourceQuota): boolean {
  return Boolean(spec.scopes?.length || spec.scopeSelector?.matchExpressions?.length);
}

/** The bounds of a quota on one resource. */
export function boundsOn(
  quota: ResourceQuota,
  resource: Counted,
): { name: string; hard: bigint; text: string }[] {
  if (isScoped(quota)) return [];
  const wanted = groupResource(resource);
  return Object.entries(quota.spec?.hard ?? {}).flatMap(([name, text]) => {
    const counted = countedBy(name);
    const hard = Quantity.parse(text)?.toInteger();
    return counted && groupResource(counted) === wanted && hard !== undefined ? [{ name, hard, text }] : [];
  });
}
