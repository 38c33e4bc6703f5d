/**
 * Writes docs/reference.md and docs/conditions.md from the CRDs and the vocabulary beside this file.
 * `node crds/generate-docs.ts` writes; with `--check` it exits 1 when a file differs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { CONDITIONS, REASONS } from './vocabulary.ts';

interface Schema {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
  required?: string[];
  enum?: string[];
  default?: unknown;
  minimum?: number;
  maximum?: number;
  pattern?: string;
}

interface Crd {
  spec: {
    scope: string;
    names: { kind: string; shortNames?: string[] };
    versions: { schema: { openAPIV3Schema: Schema } }[];
  };
}

const here = new URL('./', import.meta.url);
const docs = new URL('../docs/', here);

function typeOf(schema: Schema): string {
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties) return `map to ${typeOf(schema.additionalProperties)}`;
  return schema.enum ? schema.enum.map(value => `\`${value}\``).join(' ') : (schema.type ?? 'object');
}

function bounds(schema: Schema): string {
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) return ` ${minimum}–${maximum}`;
  return minimum !== undefined ? ` from ${minimum}` : maximum !== undefined ? ` up to ${maximum}` : '';
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function rows(schema: Schema, path: string): string[] {
  const inner = schema.items ?? schema;
  return Object.entries(inner.properties ?? {}).flatMap(([name, field]) => {
    const at = `${path}${path ? '.' : ''}${name}${field.items ? '[]' : ''}`;
    const required = inner.required?.includes(name) ? ' **required**' : '';
    const line = `| \`${at}\` | ${cell(typeOf(field))}${bounds(field)} | ${cell(field.description ?? '')}${required} |`;
    return [line, ...rows(field, at)];
  });
}

function reference(file: string): string {
  const crd = parse(readFileSync(new URL(file, here), 'utf8'), { merge: true }) as Crd;
  const { names, scope, versions } = crd.spec;
  const root = versions[0]?.schema.openAPIV3Schema as Schema;
  const section = (name: 'spec' | 'status') => [
    '',
    `### ${names.kind}.${name}`,
    '',
    '| field | type | what it is |',
    '|---|---|---|',
    ...rows(root.properties?.[name] as Schema, ''),
  ];
  const short = names.shortNames?.length ? ` Short name: \`${names.shortNames.join('`, `')}\`.` : '';
  return [
    `## ${names.kind}`,
    '',
    `${root.description} ${scope === 'Cluster' ? 'Cluster-scoped.' : 'Namespaced.'}${short}`,
    ...section('spec'),
    ...section('status'),
    '',
  ].join('\n');
}

const header = '<!-- Generated from crds/ by crds/generate-docs.ts. Do not edit. -->\n\n';
const pages: Record<string, string> = {
  'reference.md': `${header}# Reference of the kinds\n\nGroup \`nexus.dev\`, version \`v1alpha1\`. \`nexus explain ws.spec\` shows the same.\n\n${['workspace.yaml', 'node.yaml', 'user.yaml', 'placement.yaml', 'nodecommand.yaml'].map(reference).join('\n')}`,
  'conditions.md': `${header}# Conditions and reasons\n\n## Conditions\n\n| condition | what holds |\n|---|---|\n${Object.entries(
    CONDITIONS,
  )
    .map(([name, what]) => `| \`${name}\` | ${cell(what)} |`)
    .join(
      '\n',
    )}\n\n## Reasons\n\nOf conditions and Events. Messages name the particulars and say what to do next.\n\n| reason | what it means |\n|---|---|\n${Object.entries(
    REASONS,
  )
    .map(([name, what]) => `| \`${name}\` | ${cell(what)} |`)
    .join('\n')}\n`,
};

let stale = false;
for (const [name, text] of Object.entries(pages)) {
  const target = new URL(name, docs);
  if (!process.argv.includes('--check')) writeFileSync(target, text);
  else if (readFileSync(target, 'utf8') !== text) {
    console.error(`docs/${name} is out of date: run \`npm run generate\``);
    stale = true;
  }
}
if (stale) process.exit(1);
