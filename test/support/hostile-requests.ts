import fc from 'fast-check';
import { asText, bodyOf, junk, name, word } from './hostile-bodies.ts';
import { KINDS, type Kind } from './hostile-kinds.ts';

/** A request as somebody who means harm, or a broken client, may send it. */
export interface HostileRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer | undefined;
}

const selector = fc.oneof(
  fc.constantFrom(
    'a=b',
    'a',
    '!a',
    'a in (b,c)',
    'a notin ()',
    'a>1',
    'a>9999999999999999999999',
    ',',
    'a in (',
    'metadata.name=a',
    'metadata.name!=a',
    'metadata.namespace=x',
    'spec.s=a',
    'nope=1',
    '=',
    '\\',
    'a\\',
    '('.repeat(500),
    'a=b,'.repeat(500),
  ),
  fc.string({ maxLength: 12 }),
);
const continueToken = fc.oneof(
  fc
    .record({
      v: fc.constantFrom('meta.k8s.io/v1', 'x'),
      rv: fc.oneof(fc.integer(), junk),
      start: fc.oneof(name, junk),
    })
    .map(token => Buffer.from(asText(token)).toString('base64url')),
  fc.string({ maxLength: 20 }),
);
const number = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '1',
    '5',
    '-1',
    '1.5',
    '1e3',
    'x',
    '99999999999999999999',
    '0x10',
    ' 1',
    'NaN',
    'Infinity',
  ),
  fc.integer().map(String),
);
const flag = fc.constantFrom('true', 'false', '1', '', 'x');
const query = fc
  .record(
    {
      labelSelector: selector,
      fieldSelector: selector,
      continue: continueToken,
      limit: number,
      resourceVersion: number,
      resourceVersionMatch: fc.constantFrom('Exact', 'NotOlderThan', 'x', ''),
      timeoutSeconds: number,
      sendInitialEvents: flag,
      allowWatchBookmarks: flag,
      dryRun: fc.constantFrom('All', '', 'x'),
      fieldManager: fc.oneof(name, fc.string({ unit: 'binary', maxLength: 200 })),
      fieldValidation: fc.constantFrom('Strict', 'Warn', 'Ignore', 'x'),
      force: flag,
      propagationPolicy: fc.constantFrom('Foreground', 'Orphan', 'x'),
      gracePeriodSeconds: number,
      includeObject: fc.constantFrom('None', 'Object', 'x'),
    },
    { requiredKeys: [] },
  )
  .chain(all => fc.subarray(Object.entries(all), { maxLength: 3 }))
  .map(pairs => pairs.map(([key, value]) => `${key}=${encode(value)}`).join('&'));

/** As a client that does not know better would have it, where the text cannot be encoded at all. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

const header = fc.oneof(
  fc.constantFrom<Record<string, string>>(
    {},
    { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' },
    { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json' },
    { accept: 'application/vnd.kubernetes.protobuf' },
    { accept: 'application/yaml' },
    { accept: ';;;=,,,;q=x' },
    { accept: 'application/json;q=NaN,*/*;q=-1' },
    { 'accept-encoding': 'gzip;q=0, *;q=x' },
    { 'content-encoding': 'gzip' },
    { 'impersonate-user': 'a' },
    { 'impersonate-group': 'b' },
    { 'impersonate-user': 'system:serviceaccount::' },
    { 'impersonate-user': 'a', 'impersonate-extra-%zz': 'b' },
    { authorization: 'Bearer' },
    { authorization: 'Basic Og==' },
    { authorization: `Bearer nexus_${'a'.repeat(16)}_${'A'.repeat(43)}` },
    { authorization: `Bearer ${'e30.'.repeat(2000)}` },
    { 'if-none-match': '*' },
    { 'user-agent': '' },
    { 'x-forwarded-for': '::1, x' },
  ),
);

const PATHS = [
  '/',
  '/api',
  '/apis',
  '/apis/',
  '//',
  '/api/v1',
  '/apis/nexus.dev',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/apis/nexus.dev/v1alpha1',
  '/openapi/v3/apis/example.com/v1',
  '/openapi/v3/../..',
  '/version',
  '/livez',
  '/readyz',
  '/metrics',
  '/api/v1/namespaces/default',
  '/api/v1/namespaces//configmaps',
  '/api/v1/namespaces/default/finalize',
  '/api/v1/namespaces/a/finalize',
  '/api/v1/watch/namespaces/default/configmaps',
  '/api/v1/configmaps',
  '*',
];

const resourcePath = (kind: Kind): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(kind.path) },
    { weight: 12, arbitrary: name.map(of => `${kind.path}/${of}`) },
    { weight: 3, arbitrary: name.map(of => `${kind.path}/${of}/status`) },
    { weight: 1, arbitrary: fc.tuple(name, word).map(([of, sub]) => `${kind.path}/${of}/${sub}`) },
    { weight: 1, arbitrary: word.map(of => `${kind.path}/${of}`) },
  );

/** Requests that are valid in all but a few places, so that they get as far as they can. */
export const hostileRequest: fc.Arbitrary<HostileRequest> = fc
  .record({ kind: fc.constantFrom(...KINDS), method: method() })
  .chain(({ kind, method }) =>
    fc.record({
      method: fc.constant(method),
      path:
        method === 'POST'
          ? fc.oneof({ weight: 12, arbitrary: fc.constant(kind.path) }, resourcePath(kind))
          : fc.oneof(
              { weight: 12, arbitrary: resourcePath(kind) },
              fc.constantFrom(...PATHS),
              fc.array(word, { maxLength: 6 }).map(parts => `/${parts.join('/')}`),
            ),
      query: fc.oneof(
        { weight: 4, arbitrary: query },
        { weight: 6, arbitrary: fc.constant('') },
        fc.string({ maxLength: 10 }),
      ),
      manager: fc.constantFrom('', 'fieldManager=m', 'fieldManager=n&force=true'),
      watch: fc.boolean(),
      body: method === 'GET' ? fc.constant({ type: '', body: undefined }) : bodyOf(kind, method),
      header: fc.oneof({ weight: 9, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: header }),
    }),
  )
  .map(({ method, path, query, manager, watch, body, header }) => {
    const ends = method === 'GET' && watch ? 'watch=true&timeoutSeconds=1' : '';
    // The first of two values counts: a watch ends soon, whatever else is asked of it.
    const text = [ends, query, method === 'PATCH' ? manager : ''].filter(Boolean).join('&');
    return {
      method,
      url: printable(text ? `${path}?${text}` : path),
      headers: {
        ...header,
        ...(body.body !== undefined && body.type && { 'content-type': printable(body.type) }),
      },
      body: body.body,
    };
  });

function method(): fc.Arbitrary<string> {
  const usual = fc.constantFrom(
    'GET',
    'GET',
    'POST',
    'POST',
    'POST',
    'PUT',
    'PATCH',
    'PATCH',
    'PATCH',
    'DELETE',
  );
  return fc.oneof(
    { weight: 20, arbitrary: usual },
    { weight: 1, arbitrary: fc.constantFrom('HEAD', 'OPTIONS') },
  );
}

/** What can stand on the first line of a request, or in a header. */
const printable = (text: string): string => text.replace(/[^\x21-\x7e]/g, one => encode(one));
