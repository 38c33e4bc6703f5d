import type {
  AnyBinding,
  AnyRole,
  KubeObject,
  PolicyRule,
  RoleRef,
  Subject,
} from '../../../../crds/object.ts';
import type { Decision } from '../authorizer.ts';
import type { Identity } from '../identity.ts';

/** A binding as one of its subjects has it. */
interface Bound {
  /** Of the binding. */
  readonly name: string;
  readonly roleRef: RoleRef;
  /** Which of the binding's subjects it is. */
  readonly position: number;
  /** What is answered when a rule of the role allows. */
  readonly allowed: Decision;
}

/** One rule that somebody has, and the answer when it allows. */
export interface Grant {
  readonly rule: PolicyRule;
  readonly allowed: Decision;
}

export interface Grants {
  readonly grants: readonly Grant[];
  /** Roles that are bound and not there. */
  readonly missing: readonly MissingRole[];
}

export interface MissingRole {
  readonly kind: RoleRef['kind'];
  readonly name: string;
}

/** Namespaces whose grants are kept for one identity. */
const MAX_KEPT = 64;
const NOTHING: Grants = { grants: [], missing: [] };

/**
 * Roles and bindings in memory, found by who has them. Kinds: Role, ClusterRole, RoleBinding, ClusterRoleBinding. The
 * same identity object is answered from what was found last time, until something changes.
 */
export class Policy {
  readonly #roles = new Map<string, readonly PolicyRule[]>();
  readonly #bindings = new Map<string, AnyBinding>();
  /** By namespace (empty: of the cluster), subject, and name of the binding. */
  readonly #bound = new Map<string, Map<string, Map<string, Bound>>>();
  #kept = new WeakMap<Identity, Map<string, Grants>>();

  /** Takes in a role or binding as it is now. */
  set(object: KubeObject): void {
    const { namespace = '', name } = object.metadata;
    this.#kept = new WeakMap();
    if (object.kind === 'Role' || object.kind === 'ClusterRole') {
      this.#roles.set(roleKey(namespace, name), (object as AnyRole).rules ?? []);
      return;
    }
    this.#unbind(namespace, name);
    this.#bind(namespace, object as AnyBinding);
  }

  remove(object: KubeObject): void {
    const { namespace = '', name } = object.metadata;
    this.#kept = new WeakMap();
    if (object.kind === 'Role' || object.kind === 'ClusterRole') this.#roles.delete(roleKey(namespace, name));
    else this.#unbind(namespace, name);
  }

  clear(): void {
    for (const map of [this.#roles, this.#bindings, this.#bound]) map.clear();
    this.#kept = new WeakMap();
  }

  /** Undefined when there is no such role. `namespace` is that of the binding. */
  rulesOf({ kind, name }: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return this.#roles.get(roleKey(kind === 'Role' ? namespace : '', name));
  }

  /** On the cluster and in `namespace`, in the order of the bindings' names, those of the cluster first. */
  grantsOf(user: Identity, namespace: string): Grants {
    let kept = this.#kept.get(user);
    const known = kept?.get(namespace);
    if (known) return known;
    const found = this.#find(user, namespace);
    if (!kept || kept.size >= MAX_KEPT) {
      kept = new Map();
      this.#kept.set(user, kept);
    }
    kept.set(namespace, found);
    return found;
  }

  #find(user: Identity, namespace: string): Grants {
    const subjects = [userKey(user.name), ...user.groups.map(groupKey)];
    const cluster = this.#collect('', subjects);
    return namespace === '' ? cluster : joined(cluster, this.#collect(namespace, subjects));
  }

  #collect(namespace: string, subjects: readonly string[]): Grants {
    const bySubject = this.#bound.get(namespace);
    if (!bySubject) return NOTHING;
    const found = new Map<string, Bound>();
    for (const subject of subjects)
      for (const [name, bound] of bySubject.get(subject) ?? []) {
        const known = found.get(name);
        if (!known || bound.position < known.position) found.set(name, bound);
      }
    const grants: Grant[] = [];
    const missing: MissingRole[] = [];
    for (const { roleRef, allowed } of [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const rules = this.rulesOf(roleRef, namespace);
      if (rules) for (const rule of rules) grants.push({ rule, allowed });
      else missing.push({ kind: roleRef.kind, name: roleRef.name });
    }
    return { grants, missing };
  }

  #bind(namespace: string, binding: AnyBinding): void {
    const { name } = binding.metadata;
    this.#bindings.set(roleKey(namespace, name), binding);
    (binding.subjects ?? []).forEach((subject, position) => {
      const key = subjectKey(subject, namespace);
      if (key === undefined) return;
      const bySubject = getOrMake(this.#bound, namespace);
      const bound = getOrMake(bySubject, key);
      if (bound.has(name)) return;
      const reason = `RBAC: allowed by ${describe(binding, subject)}`;
      bound.set(name, { name, roleRef: binding.roleRef, position, allowed: { allowed: true, reason } });
    });
  }

  #unbind(namespace: string, name: string): void {
    const key = roleKey(namespace, name);
    const before = this.#bindings.get(key);
    if (!before) return;
    this.#bindings.delete(key);
    const bySubject = this.#bound.get(namespace);
    for (const subject of before.subjects ?? []) {
      const of = subjectKey(subject, namespace);
      const bound = of === undefined ? undefined : bySubject?.get(of);
      bound?.delete(name);
      if (bound?.size === 0 && of !== undefined) bySubject?.delete(of);
    }
    if (bySubject?.size === 0) this.#bound.delete(namespace);
  }
}

const roleKey = (namespace: string, name: string) => `${namespace}/${name}`;
const userKey = (name: string) => `u ${name}`;
const groupKey = (name: string) => `g ${name}`;

/** Undefined for a subject that is nobody. */
function subjectKey({ kind, name, namespace }: Subject, of: string): string | undefined {
  if (kind === 'User') return userKey(name);
  if (kind === 'Group') return groupKey(name);
  const at = namespace || of;
  return kind === 'ServiceAccount' && at ? userKey(`system:serviceaccount:${at}:${name}`) : undefined;
}

function describe({ kind, metadata, roleRef }: AnyBinding, subject: Subject): string {
  const { name, namespace } = metadata;
  const binding = kind === 'RoleBinding' ? `${name}/${namespace}` : name;
  const who =
    subject.kind === 'ServiceAccount'
      ? `${subject.name}/${subject.namespace || (namespace ?? '')}`
      : subject.name;
  return `${kind} ${JSON.stringify(binding)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject.kind} ${JSON.stringify(who)}`;
}

function joined(a: Grants, b: Grants): Grants {
  if (b === NOTHING) return a;
  return { grants: [...a.grants, ...b.grants], missing: [...a.missing, ...b.missing] };
}

function getOrMake<K, L, V>(map: Map<K, Map<L, V>>, key: K): Map<L, V> {
  let value = map.get(key);
  if (!value) {
    value = new Map();
    map.set(key, value);
  }
  return value;
}
