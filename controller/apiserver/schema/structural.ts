import type { Cause } from '../../kit/errors.ts';
import * as causes from './causes.ts';
import { renderPath, type Segment } from './causes.ts';
import { isObject, type JsonObject, type JsonSchema } from './json-schema.ts';
import { checkDefaults, checkRules } from './structural-content.ts';
import { checkKeywords } from './structural-keywords.ts';
import { checkNodes } from './structural-nodes.ts';

const SELECTABLE = new Set(['string', 'boolean', 'integer']);
const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
/** What the root may say when status is validated by itself, so that nothing is lost. */
const ALLOWED_AT_ROOT = new Set([
  'description',
  'type',
  'format',
  'title',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'required',
  'items',
  'properties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
]);

/**
 * What a kube-apiserver refuses in the versions of a CustomResourceDefinition: schemas that are not structural, wrong
 * defaults, list and map types, patterns and rules that do not compile, columns and subresources that point nowhere.
 * The names of kind and versions are not looked at. Never throws, whatever the schemas hold.
 */
export function checkStructural(crd: object): Cause[] {
  const { spec } = crd as { spec?: { versions?: unknown } };
  const versions = Array.isArray(spec?.versions) ? spec.versions : [];
  return versions.flatMap((version, i) =>
    isObject(version) ? checkVersion(version, ['spec', 'versions', i]) : [],
  );
}

function checkVersion(version: JsonObject, path: Segment[]): Cause[] {
  const found: Cause[] = [];
  const schema = isObject(version.schema) ? version.schema.openAPIV3Schema : undefined;
  const schemaPath = [...path, 'schema', 'openAPIV3Schema'];
  checkColumns(version.additionalPrinterColumns, [...path, 'additionalPrinterColumns'], found);
  checkScale(version.subresources, [...path, 'subresources'], found);
  if (schema === undefined)
    return [causes.required(renderPath(schemaPath), 'schemas are required'), ...found];
  const malformed = checkKeywords(schema, schemaPath);
  if (malformed.length > 0) return [...malformed, ...found];
  const root = schema as JsonSchema;
  if (isObject(version.subresources) && version.subresources.status !== undefined)
    for (const keyword of Object.keys(root))
      if (!ALLOWED_AT_ROOT.has(keyword))
        found.push(
          causes.forbidden(
            renderPath([...schemaPath, keyword]),
            'must not be used at the root of the schema if the status subresource is enabled',
          ),
        );
  const structure = checkNodes(root, schemaPath);
  found.push(...structure);
  // Content is compiled, which only a sound structure allows.
  if (structure.length === 0) found.push(...checkDefaults(root, schemaPath), ...checkRules(root, schemaPath));
  checkSelectableFields(version.selectableFields, root, { path: [...path, 'selectableFields'], found });
  return found;
}

function checkColumns(columns: unknown, path: Segment[], found: Cause[]): void {
  if (!Array.isArray(columns)) return;
  columns.forEach((column: JsonObject, i) => {
    const at = (name: string) => renderPath([...path, i, name]);
    const { type, format, jsonPath } = column;
    if (!COLUMN_TYPES.includes(type as string))
      found.push(causes.invalid(at('type'), type, `must be one of ${COLUMN_TYPES.join(',')}`));
    if (format && !COLUMN_FORMATS.includes(format as string))
      found.push(causes.invalid(at('format'), format, `must be one of ${COLUMN_FORMATS.join(',')}`));
    if (!jsonPath) found.push(causes.required(at('jsonPath')));
  });
}

function checkScale(subresources: unknown, path: Segment[], found: Cause[]): void {
  if (!isObject(subresources) || !isObject(subresources.scale)) return;
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = subresources.scale;
  for (const [name, value, under] of [
    ['specReplicasPath', specReplicasPath, ['.spec.']],
    ['statusReplicasPath', statusReplicasPath, ['.status.']],
    ['labelSelectorPath', labelSelectorPath ?? '.spec.', ['.spec.', '.status.']],
  ] as const) {
    if (typeof value === 'string' && under.some(prefix => value.startsWith(prefix))) continue;
    const field = renderPath([...path, 'scale', name]);
    found.push(
      causes.invalid(
        field,
        value,
        `should be a json path under ${under.join(' or ').replaceAll('. ', ' ').replace(/\.$/, '')}`,
      ),
    );
  }
}

interface Report {
  path: Segment[];
  found: Cause[];
}

function checkSelectableFields(fields: unknown, schema: JsonSchema, { path, found }: Report): void {
  if (!Array.isArray(fields)) return;
  const seen = new Set<string>();
  fields.forEach((field: JsonObject, i) => {
    const at = renderPath([...path, i, 'jsonPath']);
    const { jsonPath } = field;
    if (typeof jsonPath !== 'string' || !/^(\.[A-Za-z_][\w-]*)+$/.test(jsonPath)) {
      found.push(causes.invalid(at, jsonPath, 'is an invalid path: must be a path like .spec.name'));
      return;
    }
    const names = jsonPath.slice(1).split('.');
    let node: JsonSchema | undefined = schema;
    for (const name of names) node = node?.properties?.[name];
    if (names[0] === 'metadata')
      found.push(causes.invalid(at, jsonPath, 'must not point to fields in metadata'));
    else if (!node)
      found.push(causes.invalid(at, jsonPath, 'is an invalid path: does not refer to a valid field'));
    else if (!SELECTABLE.has(node.type ?? ''))
      found.push(
        causes.invalid(
          at,
          jsonPath,
          'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
        ),
      );
    if (seen.has(jsonPath)) found.push(causes.duplicate(at, jsonPath));
    seen.add(jsonPath);
  });
}
