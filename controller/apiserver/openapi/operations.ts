import type { ServedResource } from '../registry/served-resource.ts';
import { APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH } from '../verbs/patch.ts';
import { SCALE_KIND } from '../verbs/scale.ts';
import { listSchemaName, schemaName } from './kind-schemas.ts';
import { META_NAMES, type RefPrefix } from './meta-schemas.ts';

/** How one version of OpenAPI writes things down. */
export interface Dialect {
  readonly refs: RefPrefix;
  parameter(parameter: Parameter): object;
  /** Members of an operation that has a body. */
  body(schema: string, mediaTypes: readonly string[]): { parameters?: object[]; [member: string]: unknown };
  response(description: string, schema: string): object;
}

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
}

const query = (name: string, description: string, type: Parameter['type'] = 'string'): Parameter => ({
  name,
  in: 'query',
  type,
  description,
});
const path = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  type: 'string',
  description,
});

const PRETTY = query('pretty', 'Accepted; answers are compact.');
const DRY_RUN = query('dryRun', 'All: everything is checked, nothing is stored.');
const FIELD_MANAGER = query(
  'fieldManager',
  'Who the written fields belong to. Defaults to the name of the client.',
);
const FIELD_VALIDATION = query(
  'fieldValidation',
  'What becomes of unknown and duplicate fields: Ignore, Warn (the default) or Strict.',
);
const FORCE = query('force', 'Server-side apply: take over fields of other managers.', 'boolean');
const DELETE_PARAMETERS = [
  DRY_RUN,
  query('gracePeriodSeconds', 'Accepted, without effect.', 'integer'),
  query('orphanDependents', 'Deprecated: use propagationPolicy.', 'boolean'),
  query('propagationPolicy', 'Background, Foreground or Orphan.'),
];
const LIST_PARAMETERS = [
  query('allowWatchBookmarks', 'Whether a watch may send BOOKMARK events.', 'boolean'),
  query('continue', 'Token of an earlier part of the list.'),
  query('fieldSelector', 'Which objects, by their fields.'),
  query('labelSelector', 'Which objects, by their labels.'),
  query('limit', 'At most this many.', 'integer'),
  query('resourceVersion', 'Version of the state to list, or to watch from.'),
  query('resourceVersionMatch', 'Exact or NotOlderThan.'),
  query('sendInitialEvents', 'Whether a watch begins with the objects there are.', 'boolean'),
  query('timeoutSeconds', 'When a watch ends.', 'integer'),
  query('watch', 'Whether to watch instead of listing.', 'boolean'),
];
const JSON_TYPES = ['application/json', 'application/yaml'];

/** The paths of one resource, with the operations on each. */
export function pathsOf(served: ServedResource, dialect: Dialect): Record<string, object> {
  const { group, version, plural, namespaced } = served.resource;
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
  const common = [...(namespaced ? [path('namespace', 'The namespace.')] : []), PRETTY];
  const named = [path('name', `Name of the ${served.resource.kind}.`), ...common];
  const at = (parameters: readonly Parameter[], operations: object) => ({
    ...operations,
    parameters: parameters.map(parameter => dialect.parameter(parameter)),
  });
  const make = operations(served, dialect);
  return {
    ...(namespaced && { [`${root}/${plural}`]: at([PRETTY], { get: make.list('ForAllNamespaces') }) }),
    [collection]: at(common, { get: make.list(''), post: make.create(), delete: make.deleteCollection() }),
    [`${collection}/{name}`]: at(named, {
      get: make.read(''),
      put: make.replace(''),
      patch: make.patch(''),
      delete: make.remove(),
    }),
    ...(served.hasStatus && {
      [`${collection}/{name}/status`]: at(named, {
        get: make.read('Status'),
        put: make.replace('Status'),
        patch: make.patch('Status'),
      }),
    }),
    ...(served.strategy.hasApproval && {
      [`${collection}/{name}/approval`]: at(named, {
        get: make.read('Approval'),
        put: make.replace('Approval'),
        patch: make.patch('Approval'),
      }),
    }),
    ...(served.scale && {
      [`${collection}/{name}/scale`]: at(named, {
        get: make.read('Scale'),
        put: make.replace('Scale'),
        patch: make.patch('Scale'),
      }),
    }),
  };
}

function operations(served: ServedResource, dialect: Dialect) {
  const { group, version, kind, namespaced } = served.resource;
  const tag = `${group.split('.')[0] || 'core'}_${version}`;
  const scope = namespaced ? 'Namespaced' : '';
  const own = schemaName(served);
  const bodyOf = (sub: string) => (sub === 'Scale' ? META_NAMES.scale : own);
  const gvk = { group, kind, version };
  const operation = (
    action: string,
    verb: string,
    parts: {
      name: string;
      parameters?: readonly Parameter[];
      answer?: string;
      codes?: readonly [code: string, text: string][];
      body?: [schema: string, types: readonly string[]];
    },
  ) => {
    const { parameters: extra = [], ...body } = parts.body ? dialect.body(...parts.body) : {};
    return {
      description: `${verb} ${kind}`,
      operationId: `${verb}${tag.replace(/(^|_)(\w)/g, (_, _u, c: string) => c.toUpperCase())}${parts.name}`,
      tags: [tag],
      ...body,
      parameters: [...extra, ...(parts.parameters ?? []).map(parameter => dialect.parameter(parameter))],
      responses: Object.fromEntries([
        ...(parts.codes ?? [['200', 'OK'] as [string, string]]).map(([code, text]) => [
          code,
          dialect.response(text, parts.answer ?? own),
        ]),
        ['401', { description: 'Unauthorized' }],
      ]),
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': parts.answer === META_NAMES.scale ? SCALE_KIND : gvk,
    };
  };
  const write = [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION];
  const ok: [string, string] = ['200', 'OK'];
  const created: [string, string] = ['201', 'Created'];
  const accepted: [string, string] = ['202', 'Accepted'];
  const patchTypes = [JSON_PATCH, MERGE_PATCH, ...(served.custom ? [] : [STRATEGIC_PATCH]), APPLY_PATCH];
  return {
    list: (suffix: string) =>
      operation('list', 'list', {
        name: `${suffix ? '' : scope}${kind}${suffix}`,
        parameters: LIST_PARAMETERS,
        answer: listSchemaName(served),
      }),
    create: () =>
      operation('post', 'create', {
        name: scope + kind,
        parameters: write,
        codes: [ok, created, accepted],
        body: [own, JSON_TYPES],
      }),
    deleteCollection: () =>
      operation('deletecollection', 'deleteCollection', {
        name: scope + kind,
        parameters: [
          ...LIST_PARAMETERS.filter(({ name }) => name !== 'watch' && name !== 'allowWatchBookmarks'),
          ...DELETE_PARAMETERS,
        ],
        answer: META_NAMES.status,
        body: [META_NAMES.deleteOptions, JSON_TYPES],
      }),
    read: (sub: string) => operation('get', 'read', { name: scope + kind + sub, answer: bodyOf(sub) }),
    replace: (sub: string) =>
      operation('put', 'replace', {
        name: scope + kind + sub,
        parameters: write,
        codes: [ok, created],
        answer: bodyOf(sub),
        body: [bodyOf(sub), JSON_TYPES],
      }),
    patch: (sub: string) =>
      operation('patch', 'patch', {
        name: scope + kind + sub,
        parameters: [...write, FORCE],
        codes: [ok, created],
        answer: bodyOf(sub),
        body: [META_NAMES.patch, sub === 'Scale' ? [JSON_PATCH, MERGE_PATCH] : patchTypes],
      }),
    remove: () =>
      operation('delete', 'delete', {
        name: scope + kind,
        parameters: DELETE_PARAMETERS,
        answer: META_NAMES.status,
        codes: [ok, accepted],
        body: [META_NAMES.deleteOptions, JSON_TYPES],
      }),
  };
}
