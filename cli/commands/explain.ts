import { groupPath } from '../../controller/kit/paths.ts';
import { apiVersionOf } from '../../crds/kinds.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { resolveResource } from '../resources.ts';

interface Schema {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  required?: string[];
  enum?: unknown[];
  default?: unknown;
  allOf?: Schema[];
  $ref?: string;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}

type Schemas = Record<string, Schema>;

export const explain: Command = {
  usage: 'explain <path>',
  describe: 'What a kind and its fields mean',
  examples: [
    ['nexus explain ws', 'the kind'],
    ['nexus explain ws.spec.services.healthCheck', 'one field and those below'],
  ],
  build: yargs =>
    yargs
      .positional('path', { type: 'string', demandOption: true, describe: 'KIND or KIND.FIELD.FIELD' })
      .option('recursive', {
        type: 'boolean',
        default: false,
        describe: 'All fields below, without their descriptions',
      }),
  async run(raw, context) {
    const flags = raw as Flags & { path: string; recursive: boolean };
    const [kind = '', ...fields] = flags.path.split('.');
    const resource = await resolveResource(kind, context.client, context.signal);
    const schemas = await readSchemas(groupPath(resource), context);
    const isKind = (schema: Schema) =>
      schema['x-kubernetes-group-version-kind']?.some(
        gvk => gvk.kind === resource.kind && gvk.group === resource.group && gvk.version === resource.version,
      );
    const root = Object.values(schemas).find(isKind);
    if (!root) throw new CliError(`the server publishes no schema of ${resource.kind}`);
    let schema = resolve(root, schemas);
    let name = '';
    for (const field of fields) {
      const inner = elementOf(schema, schemas);
      const next =
        inner.properties?.[field] ??
        (typeof inner.additionalProperties === 'object' ? inner.additionalProperties : undefined);
      if (!next)
        throw new CliError(
          `${[kind, ...fields.slice(0, fields.indexOf(field))].join('.')} has no field "${field}"`,
          {
            exitCode: EXIT.notFound,
            next: inner.properties ? `it has: ${Object.keys(inner.properties).join(', ')}` : undefined,
          },
        );
      schema = resolve(next, schemas);
      name = field;
    }
    context.print(`KIND:     ${resource.kind}\nVERSION:  ${apiVersionOf(resource)}\n`);
    if (name) context.print(`FIELD:    ${name} <${typeOf(schema, schemas)}>\n`);
    context.print(`DESCRIPTION:\n${wrap(schema.description ?? '<none>', 4)}`);
    if (schema.enum) context.print(`\nONE OF:\n    ${schema.enum.join(', ')}`);
    const inner = elementOf(schema, schemas);
    if (inner.properties) {
      context.print('\nFIELDS:');
      for (const line of fieldLines(inner, schemas, flags.recursive, 2)) context.print(line);
    }
    return EXIT.done;
  },
};

async function readSchemas(path: string, context: CommandContext): Promise<Schemas> {
  const client = await context.client();
  const { text } = await client.raw('GET', `/openapi/v3${path}`, { signal: context.signal });
  return (JSON.parse(text) as { components?: { schemas?: Schemas } }).components?.schemas ?? {};
}

/** Follows a reference; a description beside it wins over the one behind it. */
function resolve(schema: Schema, schemas: Schemas): Schema {
  const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
  if (!reference) return schema;
  const target = resolve(schemas[reference.replace('#/components/schemas/', '')] ?? {}, schemas);
  return { ...target, ...(schema.description && { description: schema.description }) };
}

/** What fields are looked up in: of a list, its items. */
function elementOf(schema: Schema, schemas: Schemas): Schema {
  const resolved = resolve(schema, schemas);
  return resolved.items ? elementOf(resolved.items, schemas) : resolved;
}

function typeOf(schema: Schema, schemas: Schemas): string {
  const resolved = resolve(schema, schemas);
  if (resolved.items) return `[]${typeOf(resolved.items, schemas)}`;
  if (typeof resolved.additionalProperties === 'object')
    return `map[string]${typeOf(resolved.additionalProperties, schemas)}`;
  return resolved.type ?? 'Object';
}

function fieldLines(schema: Schema, schemas: Schemas, recursive: boolean, indent: number): string[] {
  const pad = ' '.repeat(indent);
  return Object.entries(schema.properties ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, field]) => {
      const resolved = resolve(field, schemas);
      const required = schema.required?.includes(name) ? ' -required-' : '';
      const preset =
        resolved.default !== undefined && typeof resolved.default !== 'object'
          ? ` -default ${resolved.default}-`
          : '';
      const head = `${pad}${name}\t<${typeOf(field, schemas)}>${required}${preset}`;
      if (!recursive) return [head, wrap(resolved.description ?? '', indent + 2), ''];
      // Some schemas hold themselves; deeper than this nobody reads.
      return [head, ...(indent < 24 ? fieldLines(elementOf(field, schemas), schemas, true, indent + 2) : [])];
    });
}

function wrap(text: string, indent: number): string {
  const pad = ' '.repeat(indent);
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length + 1 <= 80 - indent)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map(line => pad + line).join('\n');
}
