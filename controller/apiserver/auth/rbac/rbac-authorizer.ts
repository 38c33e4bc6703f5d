import type { Authorizer, Decision } from '../authorizer.ts';
import { GROUP_MASTERS } from '../identity.ts';
import type { MissingRole, Policy } from './policy.ts';
import { ruleAllows } from './rule-allows.ts';

const ALLOWED: Decision = { allowed: true, reason: '' };
const DENIED: Decision = { allowed: false, reason: '' };

/** Answers as Kubernetes' RBAC does. `system:masters` may do everything, whatever the policy says. */
export function rbacAuthorizer(policy: Policy): Authorizer {
  return {
    authorize(attributes) {
      const { user, namespace = '' } = attributes;
      if (user.groups.includes(GROUP_MASTERS)) return ALLOWED;
      const { grants, missing } = policy.grantsOf(user, namespace);
      for (const { rule, allowed } of grants) if (ruleAllows(rule, attributes)) return allowed;
      if (missing.length === 0) return DENIED;
      return { allowed: false, reason: `RBAC: ${aggregate(missing.map(notFound))}` };
    },
    rightsOf(user, namespace) {
      const { grants, missing } = policy.grantsOf(user, namespace);
      return { rules: grants.map(({ rule }) => rule), errors: missing.map(notFound) };
    },
  };
}

const notFound = ({ kind, name }: MissingRole) =>
  `${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;

/** Several errors as Kubernetes prints them: each once, in brackets when there is more than one. */
export function aggregate(errors: readonly string[]): string {
  const unique = [...new Set(errors)];
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`;
}
