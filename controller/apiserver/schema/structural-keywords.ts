import type { Cause } from '../../kit/errors.ts';
import * as causes from './causes.ts';
import { renderPath, type Segment } from './causes.ts';
import { isObject, type JsonObject } from './json-schema.ts';
import { typeName } from './validate.ts';

type Form =
  | 'string'
  | 'number'
  | 'boolean'
  | 'list'
  | 'strings'
  | 'schema'
  | 'schemas'
  | 'properties'
  | 'rules';

const FORMS: Readonly<Record<string, Form>> = {
  type: 'string',
  format: 'string',
  title: 'string',
  description: 'string',
  pattern: 'string',
  nullable: 'boolean',
  uniqueItems: 'boolean',
  exclusiveMinimum: 'boolean',
  exclusiveMaximum: 'boolean',
  minLength: 'number',
  maxLength: 'number',
  minItems: 'number',
  maxItems: 'number',
  minProperties: 'number',
  maxProperties: 'number',
  minimum: 'number',
  maximum: 'number',
  multipleOf: 'number',
  enum: 'list',
  required: 'strings',
  items: 'schema',
  not: 'schema',
  allOf: 'schemas',
  anyOf: 'schemas',
  oneOf: 'schemas',
  properties: 'properties',
  'x-kubernetes-preserve-unknown-fields': 'boolean',
  'x-kubernetes-embedded-resource': 'boolean',
  'x-kubernetes-int-or-string': 'boolean',
  'x-kubernetes-list-type': 'string',
  'x-kubernetes-map-type': 'string',
  'x-kubernetes-list-map-keys': 'strings',
  'x-kubernetes-validations': 'rules',
};
const UNSUPPORTED = [
  '$ref',
  '$schema',
  'id',
  'definitions',
  'dependencies',
  'patternProperties',
  'additionalItems',
];
const RULE_FORMS: Readonly<Record<string, Form>> = {
  rule: 'string',
  message: 'string',
  messageExpression: 'string',
  reason: 'string',
  fieldPath: 'string',
  optionalOldSelf: 'boolean',
};

/** Schemas of more nodes are refused: nobody needs them, and each costs time and memory. */
const MAX_NODES = 50_000;

/** Checks that every keyword of a schema has the form that it must have, so that the rest may rely on the types. */
export function checkKeywords(schema: unknown, path: Segment[]): Cause[] {
  const walk = new KeywordWalk();
  walk.visit(schema, path);
  return walk.found;
}

class KeywordWalk {
  readonly found: Cause[] = [];
  #nodes = 0;

  visit(schema: unknown, path: Segment[]): void {
    if (++this.#nodes === MAX_NODES)
      this.found.push(causes.forbidden(renderPath(path), `the schema has more than ${MAX_NODES} nodes`));
    if (this.#nodes >= MAX_NODES) return;
    if (!isObject(schema)) {
      this.#wrong(schema, path, 'object');
      return;
    }
    for (const keyword of Object.keys(schema)) {
      const form = Object.hasOwn(FORMS, keyword) ? FORMS[keyword] : undefined;
      const value = schema[keyword];
      const at = [...path, keyword];
      if (UNSUPPORTED.includes(keyword))
        this.found.push(causes.forbidden(renderPath(at), `${keyword} is not supported`));
      else if (keyword === 'additionalProperties') {
        if (typeof value !== 'boolean') this.visit(value, at);
      } else if (form && value !== null) this.#check(value, form, at);
      else if (form) this.#wrong(value, at, form);
    }
  }

  #check(value: unknown, form: Form, path: Segment[]): void {
    if (form === 'schema') this.visit(value, path);
    else if (form === 'schemas') this.#each(value, path, (item, at) => this.visit(item, at));
    else if (form === 'rules') this.#each(value, path, (item, at) => this.#rule(item, at));
    else if (form === 'list') this.#each(value, path, () => {});
    else if (form === 'strings')
      this.#each(value, path, (item, at) => {
        if (typeof item !== 'string') this.#wrong(item, at, 'string');
      });
    else if (form === 'properties') {
      if (!isObject(value)) this.#wrong(value, path, 'object');
      else for (const [name, child] of Object.entries(value)) this.visit(child, [...path, { key: name }]);
    } else if (typeof value !== form) this.#wrong(value, path, form);
  }

  #each(value: unknown, path: Segment[], visit: (item: unknown, path: Segment[]) => void): void {
    if (!Array.isArray(value)) this.#wrong(value, path, 'array');
    else for (const [i, item] of value.entries()) visit(item, [...path, i]);
  }

  #rule(rule: unknown, path: Segment[]): void {
    if (!isObject(rule)) {
      this.#wrong(rule, path, 'object');
      return;
    }
    for (const [name, form] of Object.entries(RULE_FORMS)) {
      const value: unknown = (rule as JsonObject)[name];
      if (value !== undefined && typeof value !== form) this.#wrong(value, [...path, name], form);
    }
  }

  #wrong(value: unknown, path: Segment[], type: string): void {
    const field = renderPath(path);
    this.found.push(
      causes.typeInvalid(
        field,
        typeName(value),
        `${field} in body must be of type ${type}: "${typeName(value)}"`,
      ),
    );
  }
}
