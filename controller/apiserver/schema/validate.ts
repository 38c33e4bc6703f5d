import { jsonEqual } from '../../kit/json.ts';
import * as causes from './causes.ts';
import { renderPath } from './causes.ts';
import type { Finding, Findings, Validate } from './findings.ts';
import { formatTest } from './formats.ts';
import { additionalSchema, isObject, type JsonSchema } from './json-schema.ts';
import { compileListType } from './list-type.ts';
import { compilePattern } from './pattern.ts';

/** Compiles everything in a schema but its rules. `skip`: properties at the top that are validated elsewhere. */
export function compileValidate(schema: JsonSchema, skip?: ReadonlySet<string>): Validate {
  const type = compileType(schema);
  const scalar = [...compileNumber(schema), ...compileString(schema), ...compileEnum(schema)];
  const tests = [...compileArray(schema), ...compileObject(schema, skip), ...scalar, ...compileLogic(schema)];
  const nullable = schema.nullable === true;
  return (value, found) => {
    if (value === null && nullable) return;
    if (type && !type(value, found)) return;
    for (const test of tests) test(value, found);
  };
}

/** The type as go-openapi names it. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function compileType(schema: JsonSchema): ((value: unknown, found: Findings) => boolean) | undefined {
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  const type = intOrString ? 'integer,string' : schema.type;
  if (!type) return undefined;
  const matches: (value: unknown) => boolean = intOrString
    ? value => typeof value === 'string' || Number.isInteger(value)
    : type === 'object'
      ? isObject
      : type === 'array'
        ? Array.isArray
        : type === 'integer'
          ? Number.isInteger
          : value => typeof value === type;
  return (value, found) => {
    if (matches(value)) return true;
    const field = found.field;
    const got = typeName(value);
    found.add(causes.typeInvalid(field, got, `${field} in body must be of type ${type}: "${got}"`));
    return false;
  };
}

function* compileNumber(schema: JsonSchema): Iterable<Validate> {
  const { minimum, maximum, multipleOf } = schema;
  if (minimum !== undefined) {
    const exclusive = schema.exclusiveMinimum === true;
    yield (value, found) => {
      if (typeof value !== 'number' || (exclusive ? value > minimum : value >= minimum)) return;
      const than = exclusive ? 'greater than' : 'greater than or equal to';
      found.add(causes.invalid(found.field, value, `${found.field} in body should be ${than} ${minimum}`));
    };
  }
  if (maximum !== undefined) {
    const exclusive = schema.exclusiveMaximum === true;
    yield (value, found) => {
      if (typeof value !== 'number' || (exclusive ? value < maximum : value <= maximum)) return;
      const than = exclusive ? 'less than' : 'less than or equal to';
      found.add(causes.invalid(found.field, value, `${found.field} in body should be ${than} ${maximum}`));
    };
  }
  if (multipleOf !== undefined)
    yield (value, found) => {
      if (typeof value !== 'number') return;
      const times = value / multipleOf;
      if (Math.abs(times - Math.round(times)) <= Number.EPSILON * Math.abs(times)) return;
      found.add(
        causes.invalid(found.field, value, `${found.field} in body should be a multiple of ${multipleOf}`),
      );
    };
}

function charCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function* compileString(schema: JsonSchema): Iterable<Validate> {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern, format } = schema;
  const matches = pattern === undefined ? undefined : compilePattern(pattern);
  // The first that is wrong says enough.
  if (minLength > 0 || maxLength < Number.POSITIVE_INFINITY || matches)
    yield (value, found) => {
      if (typeof value !== 'string') return;
      if (value.length > maxLength && charCount(value) > maxLength)
        found.add(causes.tooLong(found.field, maxLength));
      else if (value.length < minLength || (minLength > 1 && charCount(value) < minLength))
        found.add(
          causes.invalid(
            found.field,
            value,
            `${found.field} in body should be at least ${minLength} chars long`,
          ),
        );
      else if (matches && !matches(value))
        found.add(causes.invalid(found.field, value, `${found.field} in body should match '${pattern}'`));
    };
  const test = format && formatTest(format);
  if (test)
    yield (value, found) => {
      if (test(value)) return;
      // What is in base64 may be secret.
      const shown = format === 'byte' ? '***' : value;
      const detail = `${found.field} in body must be of type ${format}: ${causes.renderValue(shown)}`;
      found.add(causes.typeInvalid(found.field, shown, detail));
    };
}

function* compileEnum(schema: JsonSchema): Iterable<Validate> {
  const allowed = schema.enum;
  if (!allowed?.length) return;
  const scalars = new Set(allowed);
  yield (value, found) => {
    if (scalars.has(value) || (typeof value === 'object' && allowed.some(item => jsonEqual(item, value))))
      return;
    found.add(causes.notSupported(found.field, value, allowed));
  };
}

function* compileArray(schema: JsonSchema): Iterable<Validate> {
  const { minItems, maxItems, items } = schema;
  if (maxItems !== undefined)
    yield (value, found) => {
      if (Array.isArray(value) && value.length > maxItems)
        found.add(causes.tooMany(found.field, value.length, maxItems));
    };
  if (minItems !== undefined)
    yield (value, found) => {
      if (!Array.isArray(value) || value.length >= minItems) return;
      const detail = `${found.field} in body should have at least ${minItems} items`;
      found.add(causes.invalid(found.field, value.length, detail));
    };
  const unique = compileListType(schema);
  if (unique) yield unique;
  if (!items) return;
  const validate = compileValidate(items);
  yield (value, found) => {
    if (!Array.isArray(value)) return;
    for (let i = 0; i < value.length && !found.full; i++) {
      found.path.push(i);
      validate(value[i], found);
      found.path.pop();
    }
  };
}

function* compileObject(schema: JsonSchema, skip?: ReadonlySet<string>): Iterable<Validate> {
  const { minProperties, maxProperties, required } = schema;
  if (maxProperties !== undefined)
    yield (value, found) => {
      if (!isObject(value)) return;
      const size = Object.keys(value).length;
      if (size > maxProperties) found.add(causes.tooMany(found.field, size, maxProperties));
    };
  if (minProperties !== undefined)
    yield (value, found) => {
      if (!isObject(value)) return;
      const size = Object.keys(value).length;
      const detail = `${found.field} in body should have at least ${minProperties} properties`;
      if (size < minProperties) found.add(causes.invalid(found.field, size, detail));
    };
  if (required && required.length > 0)
    yield (value, found) => {
      if (!isObject(value)) return;
      for (const name of required) {
        if (Object.hasOwn(value, name) && value[name] !== undefined) continue;
        found.add(causes.required(renderPath([...found.path, name])));
      }
    };
  const properties = new Map<string, Validate>();
  for (const [name, child] of Object.entries(schema.properties ?? {}))
    if (!skip?.has(name)) properties.set(name, compileValidate(child));
  const extra = additionalSchema(schema);
  const additional = extra && compileValidate(extra);
  if (properties.size === 0 && !additional) return;
  yield (value, found) => {
    if (!isObject(value)) return;
    for (const key in value) {
      if (found.full) return;
      const validate = properties.get(key) ?? (skip?.has(key) ? undefined : additional);
      if (!validate || value[key] === undefined) continue;
      found.path.push(key);
      validate(value[key], found);
      found.path.pop();
    }
  };
}

function* compileLogic(schema: JsonSchema): Iterable<Validate> {
  for (const branch of schema.allOf ?? []) yield compileValidate(branch);
  // int-or-string was tested as a type; its customary anyOf says the same again.
  if (schema.anyOf && !schema['x-kubernetes-int-or-string']) yield compileChoice(schema.anyOf, 'anyOf');
  if (schema.oneOf) yield compileChoice(schema.oneOf, 'oneOf');
  if (schema.not) {
    const validate = compileValidate(schema.not);
    yield (value, found) => {
      if (found.capture(() => validate(value, found)).length > 0) return;
      const field = found.field;
      found.add(causes.invalid(field, shown(value), `${field} must not validate the schema (not)`));
    };
  }
}

function compileChoice(branches: readonly JsonSchema[], kind: 'anyOf' | 'oneOf'): Validate {
  const validates = branches.map(branch => compileValidate(branch));
  return (value, found) => {
    let valid = 0;
    let closest: Finding[] | undefined;
    for (const validate of validates) {
      const wrong = found.capture(() => validate(value, found));
      if (wrong.length === 0) {
        valid++;
        if (kind === 'anyOf') return;
      } else if (!closest || closer(wrong, closest)) closest = wrong;
    }
    if (valid === 1) return;
    const field = found.field;
    const detail =
      kind === 'anyOf'
        ? `${field} must validate at least one schema (anyOf)`
        : `${field} must validate one and only one schema (oneOf). ${valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`}`;
    found.add(causes.invalid(field, shown(value), detail));
    if (valid === 0) for (const { cause } of closest ?? []) found.add(cause);
  };
}

/** Whether a branch fits better than another: less is wrong with it, or it is wrong deeper down. */
function closer(wrong: readonly Finding[], other: readonly Finding[]): boolean {
  const depth = (findings: readonly Finding[]) => Math.max(...findings.map(finding => finding.at.length));
  return wrong.length < other.length || (wrong.length === other.length && depth(wrong) > depth(other));
}

/** Objects and lists are named by their type: the whole of one would drown the message. */
function shown(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? typeName(value) : value;
}
