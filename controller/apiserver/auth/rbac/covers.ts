import type { PolicyRule } from '../../../../crds/object.ts';
import { coversPath } from './rule-allows.ts';

/**
 * What of `rules` is not in `held`, in rules of one verb on one thing each. Empty: whoever holds `held` may give
 * `rules` to others.
 */
export function uncovered(held: readonly PolicyRule[], rules: readonly PolicyRule[]): PolicyRule[] {
  return rules.flatMap(breakDown).filter(atom => !held.some(rule => ruleCovers(rule, atom)));
}

function breakDown(rule: PolicyRule): PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const names = resourceNames.length > 0 ? resourceNames.map(name => [name]) : [undefined];
  return [
    ...apiGroups.flatMap(group =>
      resources.flatMap(resource =>
        verbs.flatMap(verb =>
          names.map(
            (name): PolicyRule => ({
              apiGroups: [group],
              resources: [resource],
              verbs: [verb],
              ...(name && { resourceNames: name }),
            }),
          ),
        ),
      ),
    ),
    ...nonResourceURLs.flatMap(url =>
      verbs.map((verb): PolicyRule => ({ nonResourceURLs: [url], verbs: [verb] })),
    ),
  ];
}

function ruleCovers(held: PolicyRule, atom: PolicyRule): boolean {
  return (
    hasAll(held.verbs, atom.verbs) &&
    hasAll(held.apiGroups, atom.apiGroups) &&
    (atom.resources ?? []).every(resource => coversResource(held.resources ?? [], resource)) &&
    (atom.nonResourceURLs ?? []).every(url =>
      (held.nonResourceURLs ?? []).some(one => one === url || coversPath(one, url)),
    ) &&
    coversNames(held.resourceNames ?? [], atom.resourceNames ?? [])
  );
}

const hasAll = (held: readonly string[] = [], wanted: readonly string[] = []): boolean =>
  held.includes('*') || wanted.every(one => held.includes(one));

function coversResource(held: readonly string[], wanted: string): boolean {
  if (held.includes('*') || held.includes(wanted)) return true;
  const slash = wanted.indexOf('/');
  return slash >= 0 && held.includes(`*/${wanted.slice(slash + 1)}`);
}

const coversNames = (held: readonly string[], wanted: readonly string[]): boolean =>
  held.length === 0 || (wanted.length > 0 && wanted.every(name => held.includes(name)));

/** One line a thing, as Kubernetes names in a refusal what was not held: sorted, each once. */
export function describeRules(atoms: readonly PolicyRule[]): string[] {
  return [...new Set(compact(atoms).map(describeRule))].sort((a, b) => (a < b ? -1 : 1));
}

/** Rules that differ in their verb alone become one. */
function compact(atoms: readonly PolicyRule[]): PolicyRule[] {
  const byThing = new Map<string, PolicyRule>();
  const out: PolicyRule[] = [];
  for (const atom of atoms) {
    const { apiGroups, resources, resourceNames, nonResourceURLs } = atom;
    if (nonResourceURLs) {
      out.push(atom);
      continue;
    }
    const thing = JSON.stringify([apiGroups, resources, resourceNames]);
    const known = byThing.get(thing);
    if (known) known.verbs.push(...atom.verbs);
    else {
      const copy = { ...atom, verbs: [...atom.verbs] };
      byThing.set(thing, copy);
      out.push(copy);
    }
  }
  return out;
}

function describeRule(rule: PolicyRule): string {
  const parts = (
    [
      ['APIGroups', rule.apiGroups],
      ['Resources', rule.resources],
      ['NonResourceURLs', rule.nonResourceURLs],
      ['ResourceNames', rule.resourceNames],
      ['Verbs', rule.verbs],
    ] as const
  ).flatMap(([name, list]) => (list?.length ? [`${name}:${quoteList(list)}`] : []));
  return `{${parts.join(', ')}}`;
}

/** As Go prints a list of strings with %q. */
export const quoteList = (list: readonly string[]): string =>
  `[${list.map(one => JSON.stringify(one)).join(' ')}]`;
