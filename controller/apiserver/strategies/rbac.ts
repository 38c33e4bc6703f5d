import type {
  AnyBinding,
  ClusterRole,
  KubeObject,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import { invalid, notSupported, required } from '../schema/causes.ts';
import { isObject } from '../schema/json-schema.ts';
import { validateSelector } from '../selectors/selector-object.ts';
import { PLAIN_STRATEGY, pathSegmentFault, type Strategy } from './strategy.ts';

const GROUP = 'rbac.authorization.k8s.io';
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const SUBDOMAIN_FAULT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** Names of roles and bindings may hold colons and capitals. */
const BASE: Strategy = { ...PLAIN_STRATEGY, names: 'path-segment' };

/** Lists that are left out are empty, as Kubernetes' own types have it: validation then says what is missing. */
function fillRules(object: KubeObject): void {
  const { rules } = object as { rules?: unknown };
  if (!Array.isArray(rules)) return;
  for (const rule of rules) if (isObject(rule)) rule.verbs ??= [];
}

const role: Strategy = {
  ...BASE,
  prepareForCreate: fillRules,
  prepareForUpdate: fillRules,
  validate: object => ruleCauses((object as Role).rules, true),
};

const clusterRole: Strategy = {
  ...BASE,
  prepareForCreate: fillRules,
  prepareForUpdate: fillRules,
  validate(object) {
    const { rules, aggregationRule } = object as ClusterRole;
    const causes = ruleCauses(rules, false);
    if (!aggregationRule) return causes;
    const field = 'aggregationRule.clusterRoleSelectors';
    const selectors = aggregationRule.clusterRoleSelectors ?? [];
    if (selectors.length === 0)
      causes.push(required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil'));
    return [...causes, ...selectors.flatMap((selector, i) => validateSelector(selector, `${field}[${i}]`))];
  },
};

function ruleCauses(rules: PolicyRule[] | null | undefined, namespaced: boolean): Cause[] {
  return (rules ?? []).flatMap((rule, i) => oneRuleCauses(rule, `rules[${i}]`, namespaced));
}

function oneRuleCauses(rule: PolicyRule, at: string, namespaced: boolean): Cause[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const causes: Cause[] = [];
  if (verbs.length === 0) causes.push(required(`${at}.verbs`, 'verbs must contain at least one value'));
  if (nonResourceURLs.length > 0) {
    const field = `${at}.nonResourceURLs`;
    if (namespaced)
      causes.push(invalid(field, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
    if (apiGroups.length + resources.length + resourceNames.length > 0)
      causes.push(
        invalid(field, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'),
      );
    return causes;
  }
  if (apiGroups.length === 0)
    causes.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
  if (resources.length === 0)
    causes.push(required(`${at}.resources`, 'resource rules must supply at least one resource'));
  return causes;
}

/** As for rules, and the API groups that may be left out. */
function fillBinding(object: KubeObject): void {
  const binding = object as { roleRef?: unknown; subjects?: unknown };
  binding.roleRef ??= {};
  if (isObject(binding.roleRef)) {
    const ref = binding.roleRef;
    ref.apiGroup ||= GROUP;
    ref.kind ??= '';
    ref.name ??= '';
  }
  if (!Array.isArray(binding.subjects)) return;
  for (const subject of binding.subjects) {
    if (!isObject(subject)) continue;
    subject.kind ??= '';
    subject.name ??= '';
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = GROUP;
    if (subject.apiGroup === '') delete subject.apiGroup;
    if (subject.namespace === '') delete subject.namespace;
  }
}

function bindingStrategy(roleKinds: readonly string[], namespaced: boolean): Strategy {
  return {
    ...BASE,
    prepareForCreate: fillBinding,
    prepareForUpdate: fillBinding,
    validate(object, old) {
      const { roleRef, subjects = [] } = object as AnyBinding;
      const causes = [
        ...roleRefCauses(roleRef, roleKinds),
        ...subjects.flatMap((subject, i) => subjectCauses(subject, `subjects[${i}]`, namespaced)),
      ];
      const before = (old as RoleBinding | undefined)?.roleRef;
      if (before && !sameRole(before, roleRef))
        causes.push(
          invalid(
            'roleRef',
            { APIGroup: roleRef.apiGroup, Kind: roleRef.kind, Name: roleRef.name },
            'cannot change roleRef',
          ),
        );
      return causes;
    },
  };
}

const sameRole = (a: RoleRef, b: RoleRef) =>
  a.apiGroup === b.apiGroup && a.kind === b.kind && a.name === b.name;

function roleRefCauses({ apiGroup, kind, name }: RoleRef, kinds: readonly string[]): Cause[] {
  const causes: Cause[] = [];
  if (apiGroup !== GROUP) causes.push(notSupported('roleRef.apiGroup', apiGroup, [GROUP]));
  if (!kinds.includes(kind)) causes.push(notSupported('roleRef.kind', kind, kinds));
  if (name === '') causes.push(required('roleRef.name'));
  else {
    const why = pathSegmentFault(name);
    if (why) causes.push(invalid('roleRef.name', name, why));
  }
  return causes;
}

function subjectCauses(subject: Subject, at: string, namespaced: boolean): Cause[] {
  const { kind, name, apiGroup = '', namespace = '' } = subject;
  const causes: Cause[] = [];
  if (name === '') causes.push(required(`${at}.name`));
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '' && (name.length > 253 || !SUBDOMAIN.test(name)))
        causes.push(invalid(`${at}.name`, name, SUBDOMAIN_FAULT));
      if (apiGroup !== '') causes.push(notSupported(`${at}.apiGroup`, apiGroup, ['']));
      if (!namespaced && namespace === '') causes.push(required(`${at}.namespace`));
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== GROUP) causes.push(notSupported(`${at}.apiGroup`, apiGroup, [GROUP]));
      break;
    default:
      causes.push(notSupported(`${at}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
  return causes;
}

/** By kind. */
export const RBAC_STRATEGIES: Readonly<Record<string, Strategy>> = {
  Role: role,
  ClusterRole: clusterRole,
  RoleBinding: bindingStrategy(['Role', 'ClusterRole'], true),
  ClusterRoleBinding: bindingStrategy(['ClusterRole'], false),
};
