import type { PolicyRule } from '../../../../crds/object.ts';
import type { Attributes } from '../authorizer.ts';

const ALL = '*';

/** Whether a rule covers what somebody wants to do, to the letter of Kubernetes. */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  const { verb, group = '', resource, subresource = '', name = '', path = '' } = attributes;
  if (!hasOrAll(rule.verbs, verb)) return false;
  if (resource === undefined) return allowsPath(rule.nonResourceURLs, path);
  return (
    hasOrAll(rule.apiGroups, group) &&
    allowsResource(rule.resources, resource, subresource) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(name))
  );
}

const hasOrAll = (list: readonly string[] | undefined, wanted: string): boolean =>
  list?.some(one => one === wanted || one === ALL) ?? false;

/** A star is everything, with all subresources. `workspaces/*` is no pattern; one for a subresource of everything is a star before the slash. */
function allowsResource(
  resources: readonly string[] | undefined,
  resource: string,
  subresource: string,
): boolean {
  if (!resources) return false;
  const wanted = subresource ? `${resource}/${subresource}` : resource;
  for (const one of resources) {
    if (one === ALL || one === wanted) return true;
    if (subresource && one === `*/${subresource}`) return true;
  }
  return false;
}

function allowsPath(urls: readonly string[] | undefined, path: string): boolean {
  return urls?.some(url => url === path || coversPath(url, path)) ?? false;
}

/** Whether `pattern` ends in a star and covers `path`, which may be a pattern itself. */
export function coversPath(pattern: string, path: string): boolean {
  return pattern.endsWith(ALL) && path.startsWith(pattern.replace(/\*+$/, ''));
}
