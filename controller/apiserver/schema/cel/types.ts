import type { Environment } from '@marcbachmann/cel-js';
import type { JsonSchema } from '../json-schema.ts';
import { celName } from './convert.ts';

/**
 * The type of a schema's values for checking expressions; object types are declared in `env`. `resource`: it is a whole
 * object, with apiVersion, kind and metadata.
 */
export function declareType(env: Environment, schema: JsonSchema, resource = false): string {
  let count = 0;
  const declare = (node: JsonSchema, whole: boolean): string => {
    if (node['x-kubernetes-int-or-string'] || node.nullable) return 'dyn';
    switch (node.type) {
      case 'integer':
        return 'int';
      case 'number':
        return 'double';
      case 'boolean':
        return 'bool';
      case 'string':
        return stringType(node.format);
      case 'array':
        return `list<${node.items ? declare(node.items, false) : 'dyn'}>`;
      case 'object':
        return declareObject(node, whole || node['x-kubernetes-embedded-resource'] === true);
      default:
        return 'dyn';
    }
  };
  const declareObject = (node: JsonSchema, whole: boolean): string => {
    const { additionalProperties } = node;
    if (additionalProperties && !node.properties && !whole)
      return `map<string, ${typeof additionalProperties === 'object' ? declare(additionalProperties, false) : 'dyn'}>`;
    if (additionalProperties) return 'dyn';
    const fields: Record<string, string> = {};
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      const name = celName(key);
      if (name && !(whole && key === 'metadata')) fields[name] = declare(child, false);
    }
    if (whole) {
      fields.apiVersion = 'string';
      fields.kind = 'string';
      fields.metadata = declareFields({ name: 'string', generateName: 'string' });
    }
    return Object.keys(fields).length === 0 ? 'dyn' : declareFields(fields);
  };
  const declareFields = (fields: Record<string, string>): string => {
    const name = `Object${count++}`;
    env.registerType(name, { fields });
    // Only types are checked with this environment, nothing is evaluated.
    env.registerOperator(`${name} == ${name}`, () => false);
    return name;
  };
  return declare(schema, resource);
}

function stringType(format: string | undefined): string {
  if (format === 'byte') return 'bytes';
  if (format === 'date-time' || format === 'date') return 'google.protobuf.Timestamp';
  if (format === 'duration') return 'google.protobuf.Duration';
  return 'string';
}
