import { badRequest } from '../refusals.ts';

/** What a request asks for, read from its path and method alone. */
export interface RequestInfo {
  /** get, list, watch, create, update, patch, delete, deletecollection; for other paths the lower-case method. */
  readonly verb: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Absent for paths that are not of a resource. */
  readonly target?: ResourceTarget;
}

export interface ResourceTarget {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Empty: cluster scope, or all namespaces. */
  readonly namespace: string;
  /** Empty for collections. */
  readonly name: string;
  /** Empty for the object itself. */
  readonly subresource: string;
}

const VERBS: Record<string, readonly [collection: string, object: string]> = {
  GET: ['list', 'get'],
  HEAD: ['list', 'get'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['deletecollection', 'delete'],
};
const NO_QUERY = new URLSearchParams();

/** Throws BadRequest for a path that cannot be decoded. */
export function parseRequest(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1));
  const target = parseTarget(path);
  if (!target) return { verb: method.toLowerCase(), path, query };
  const pair = VERBS[method];
  let verb = pair ? pair[target.name ? 1 : 0] : method.toLowerCase();
  const watch = query.get('watch');
  if ((verb === 'list' || verb === 'get') && (watch === 'true' || watch === '1') && !target.subresource)
    verb = 'watch';
  return { verb, path, query, target };
}

function parseTarget(path: string): ResourceTarget | undefined {
  const parts = path.split('/');
  if (parts[parts.length - 1] === '') parts.pop();
  let at: number;
  let group = '';
  if (parts[1] === 'api') at = 2;
  else if (parts[1] === 'apis') {
    at = 3;
    group = parts[2] ?? '';
  } else return undefined;
  const version = parts[at];
  if (!version || parts.length <= at + 1) return undefined;
  const rest = parts.slice(at + 1).map(decode);
  const namespaced = rest[0] === 'namespaces' && rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2]!);
  const own = namespaced ? rest.slice(2) : rest;
  if (own.length > 3 || own.some(part => part === '')) return undefined;
  const [plural, name = '', subresource = ''] = own as [string, string?, string?];
  return {
    group,
    version,
    plural,
    namespace: namespaced ? rest[1]! : '',
    name,
    subresource,
  };
}

const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

function decode(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`the path is not valid: ${part}`);
  }
}
