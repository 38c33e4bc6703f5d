import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { OWN_SCHEMAS } from '../kit/own-schemas.ts';
import { CONFIG_SCHEMA, CONFIG_VERSION } from './config-schema.ts';
import type { Finding } from './repo-config.ts';
import type { Path, Source } from './source.ts';

let validate: ValidateFunction | undefined;

/** Compiled with the first file that is read: most processes never read one. */
function compiled(): ValidateFunction {
  return new Ajv2020({
    ...OWN_SCHEMAS,
    allErrors: true,
    allowUnionTypes: true,
    strictSchema: true,
    verbose: true,
  }).compile(CONFIG_SCHEMA);
}

/** Everything about the value that the JSON Schema refuses, by place. */
export function checkShape({ value, at }: Source): Finding[] {
  validate ??= compiled();
  if (validate(value)) return [];
  return (validate.errors ?? [])
    .filter(({ keyword }) => keyword !== 'propertyNames' && keyword !== 'if')
    .map(error => {
      const path = pathOf(error.instancePath);
      switch (error.keyword) {
        case 'additionalProperties': {
          const key = String(error.params.additionalProperty);
          return at([...path, key], `unknown key "${key}"${knownKeys(error)}`, 'key');
        }
        case 'required':
          return at(path, `${String(error.params.missingProperty)} is missing`, 'key');
        case 'pattern':
          return error.propertyName === undefined
            ? at(path, patternMessage(path, error))
            : at(
                [...path, error.propertyName],
                `"${error.propertyName}" is no name: letters, digits${path.at(-1) === 'services' ? ', - and _, beginning with a letter' : ' and _, beginning with no digit'}`,
                'key',
              );
        default:
          return at(path, message(path, error));
      }
    });
}

function message(path: Path, { keyword, params }: ErrorObject): string {
  const what = String(path.at(-1) ?? 'the file');
  switch (keyword) {
    case 'type':
      return `${what} must be ${[params.type].flat().map(typeName).join(' or ')}`;
    case 'enum':
      return what === 'version'
        ? `this program reads version "${CONFIG_VERSION}"`
        : `${what} must be one of ${(params.allowedValues as unknown[]).join(', ')}`;
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
      return `${what} must be ${params.comparison} ${params.limit}`;
    case 'minLength':
    case 'minItems':
      return `${what} is empty`;
    default:
      return `${what} is too long: at most ${params.limit}`;
  }
}

function patternMessage(path: Path, { params }: ErrorObject): string {
  if (path.at(-1) === 'name')
    return 'name takes lower-case letters, digits and -, and begins and ends with a letter or digit';
  if (path.at(-1) === 'path') return 'path begins with /';
  return `${String(path.at(-1))} must match ${params.pattern}`;
}

const TYPES: Record<string, string> = {
  object: 'a map',
  array: 'a list',
  string: 'a text',
  integer: 'a whole number',
};
const typeName = (type: string) => TYPES[type] ?? `a ${type}`;

function knownKeys({ parentSchema }: ErrorObject): string {
  const properties = (parentSchema as { properties?: Record<string, { deprecated?: boolean }> })?.properties;
  if (!properties) return '';
  const keys = Object.keys(properties).filter(key => !properties[key]?.deprecated);
  return `; there are ${keys.join(', ')}`;
}

/** A JSON pointer as its steps. */
function pathOf(pointer: string): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map(step => (/^\d+$/.test(step) ? Number(step) : step));
}
