import { type Entry, StoreError } from '../../store/store.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { badRequest, expired, invalidOptions } from '../refusals.ts';
import { keyOf, prefixOf } from '../registry/served-resource.ts';
import { forbidden, notSupported } from '../schema/causes.ts';
import { type FieldSelector, parseFieldSelector } from '../selectors/field-selector.ts';
import { type LabelMatcher, parseLabelSelector } from '../selectors/label-selector.ts';
import { viewOf } from './view.ts';

export interface ListQuery {
  readonly labels: LabelMatcher;
  readonly fields: FieldSelector;
  /** No selector: everything matches. */
  readonly all: boolean;
  /** 0: no limit. */
  readonly limit: number;
  /** Read exactly this state. */
  readonly exactly?: number;
  /** Read a state at least this new. */
  readonly notOlderThan?: number;
  /** Go on after this key. */
  readonly after?: string;
}

const MATCHES = ['Exact', 'NotOlderThan'];
/** Entries looked at in one go where a selector leaves out some. */
const CHUNK = 1000;

/** Selectors, paging and version of a list. Throws BadRequest, Invalid. */
export function parseListQuery(request: ApiRequest): ListQuery {
  const { query, served, target } = request;
  const labelText = query.get('labelSelector');
  const fieldText = withName(query.get('fieldSelector'), target.name);
  const limitText = query.get('limit') || '0';
  const limit = Number(limitText);
  if (!Number.isSafeInteger(limit)) throw badRequest(`invalid limit: ${JSON.stringify(limitText)}`);
  return {
    labels: parseLabelSelector(labelText),
    fields: parseFieldSelector(fieldText, served.fieldLabels),
    all: !labelText && !fieldText,
    limit: Math.max(limit, 0),
    ...parseVersion(query, limit),
  };
}

/** A request for one object's path is a selection of its name. */
function withName(selector: string | null, name: string): string | null {
  if (!name) return selector;
  const own = `metadata.name=${name.replace(/[\\,=]/g, '\\$&')}`;
  return selector ? `${selector},${own}` : own;
}

function parseVersion(
  query: URLSearchParams,
  limit: number,
): Pick<ListQuery, 'exactly' | 'notOlderThan' | 'after'> {
  const version = parseResourceVersion(query.get('resourceVersion'));
  const match = query.get('resourceVersionMatch');
  const token = query.get('continue');
  if (match) {
    const causes = [];
    if (token)
      causes.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for continue'));
    else if (version === undefined)
      causes.push(
        forbidden(
          'resourceVersionMatch',
          'resourceVersionMatch is forbidden unless resourceVersion is provided',
        ),
      );
    else if (!MATCHES.includes(match)) causes.push(notSupported('resourceVersionMatch', match, MATCHES));
    else if (match === 'Exact' && version === 0)
      causes.push(
        forbidden(
          'resourceVersionMatch',
          'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        ),
      );
    if (causes.length > 0) throw invalidOptions('ListOptions', causes);
  }
  if (token) {
    if (version) throw badRequest('specifying resource version is not allowed when using continue');
    const { revision, after } = decodeContinue(token);
    return { exactly: revision, after };
  }
  if (!version) return {};
  // As Kubernetes does without a match: a limited list means exactly this version.
  return match === 'Exact' || (!match && limit > 0) ? { exactly: version } : { notOlderThan: version };
}

/** Undefined when absent. Throws BadRequest for what is no version of this server. */
export function parseResourceVersion(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  const version = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(version))
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: must be a number that this server gave`,
    );
  return version;
}

/** Seconds; 0 when absent. Throws BadRequest. */
export function parseTimeout(text: string | null): number {
  const seconds = Number(text || '0');
  if (!Number.isSafeInteger(seconds) || seconds < 0)
    throw badRequest(`invalid timeoutSeconds: ${JSON.stringify(text)}`);
  return seconds;
}

export function encodeContinue(revision: number, after: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: after })).toString(
    'base64url',
  );
}

function decodeContinue(token: string): { revision: number; after: string } {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (v === 'meta.k8s.io/v1' && Number.isSafeInteger(rv) && rv > 0 && typeof start === 'string')
      return { revision: rv, after: start };
  } catch {
    // Told below.
  }
  throw badRequest(
    'invalid continue token: continue key is not valid: it must be a token that this server gave',
  );
}

export interface Matches {
  readonly entries: readonly Entry[];
  readonly revision: number;
  /** How many follow; unknown with a selector. */
  readonly remaining?: number;
  /** Whether there may be more after the last entry that was looked at. */
  readonly next?: string;
}

/** The entries a list is made of, all of one revision. Throws Expired. */
export function matching(context: ApiContext, request: ApiRequest, query: ListQuery): Matches {
  try {
    return find(context, request, query);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'Compacted')
      throw expired(
        query.after === undefined
          ? 'The resourceVersion for the provided list is too old.'
          : 'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
      );
    throw error;
  }
}

function find({ store }: ApiContext, request: ApiRequest, query: ListQuery): Matches {
  const { served, target } = request;
  const { fields, limit, exactly } = query;
  const namespace = target.namespace || (served.resource.namespaced ? (fields.namespace ?? '') : '');
  const oneKey = fields.name !== undefined && (!served.resource.namespaced || namespace !== '');
  if (oneKey && exactly === undefined) {
    const entry = store.get(keyOf(served.resource, namespace, fields.name!));
    return { revision: store.revision, entries: entry && isMatch(entry, request, query) ? [entry] : [] };
  }
  const prefix = prefixOf(served.resource, namespace);
  const at = exactly === undefined ? {} : { revision: exactly };
  if (query.all) {
    const page = {
      ...at,
      ...(limit > 0 && { limit }),
      ...(query.after !== undefined && { after: query.after }),
    };
    const { entries, revision, remaining } = store.list(prefix, page);
    const last = entries.at(-1);
    return { entries, revision, ...(remaining > 0 && last && { remaining, next: last.key }) };
  }
  const found: Entry[] = [];
  let after = query.after;
  let revision = exactly;
  for (;;) {
    const page = store.list(prefix, {
      ...(revision !== undefined && { revision }),
      ...(after !== undefined && { after }),
      ...(limit > 0 && { limit: CHUNK }),
    });
    revision = page.revision;
    for (const [i, entry] of page.entries.entries()) {
      if (!isMatch(entry, request, query)) continue;
      found.push(entry);
      const more = page.remaining > 0 || i + 1 < page.entries.length;
      if (limit > 0 && found.length === limit)
        return { entries: found, revision, ...(more && { next: entry.key }) };
    }
    after = page.entries.at(-1)?.key;
    if (page.remaining === 0 || after === undefined) return { entries: found, revision };
  }
}

/** Whether the selectors hold for an entry. */
export function isMatch(entry: Entry, { served }: ApiRequest, { labels, fields, all }: ListQuery): boolean {
  if (all) return true;
  const { object } = viewOf(entry, served);
  return labels(object.metadata.labels) && fields.matches(object);
}
