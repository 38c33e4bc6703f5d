/**
 * Writes from the CRDs beside this file their types. Of them and of the roles it writes the same objects as JSON, one a line,
 * which a server reads in a hundredth of the time; kubectl, given the folder, takes no file of that name.
 * `node crds/generate.ts` writes; `node crds/generate.ts --check` exits 1 when a file differs.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { parse, parseAllDocuments } from 'yaml';

const here = new URL('./', import.meta.url);

interface Crd {
  spec: {
    names: { kind: string };
    versions: { name: string; storage: boolean; schema: { openAPIV3Schema: JSONSchema } }[];
  };
}

/** Strips what says nothing about types, and forbids properties that the schema does not name. */
function simplify(schema: JSONSchema): JSONSchema {
  const out: JSONSchema = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key.startsWith('x-kubernetes') || ['pattern', 'not', 'maxItems', 'minItems', 'format'].includes(key))
      continue;
    if (key === 'properties') {
      out.properties = Object.fromEntries(
        Object.entries(value as Record<string, JSONSchema>).map(([name, child]) => [name, simplify(child)]),
      );
    } else if (key === 'items') out.items = simplify(value as JSONSchema);
    else out[key] = value;
  }
  if (out.type === 'object' && out.properties && out.additionalProperties === undefined)
    out.additionalProperties = false;
  return out;
}

function definitionIn(file: string): Crd {
  return parse(readFileSync(new URL(file, here), 'utf8'), { merge: true }) as Crd;
}

/** A named interface for spec and status, and one for the object around them. */
async function declare(file: string): Promise<string> {
  const crd = definitionIn(file);
  const kind = crd.spec.names.kind;
  const version = crd.spec.versions.find(v => v.storage);
  if (!version) throw new Error(`${file}: no storage version`);
  const root = version.schema.openAPIV3Schema.properties ?? {};
  const options = {
    bannerComment: '',
    additionalProperties: false,
    declareExternallyReferenced: true,
    format: false,
  };
  const part = async (name: string) => {
    const schema = simplify(structuredClone(root[name]) as JSONSchema);
    schema.title = `${kind}${name === 'spec' ? 'Spec' : 'Status'}`;
    return compile(schema, schema.title, options);
  };
  const required = (version.schema.openAPIV3Schema.required as string[] | undefined)?.includes('spec')
    ? ''
    : '?';
  const description = String(version.schema.openAPIV3Schema.description);
  return [
    await part('spec'),
    await part('status'),
    `/** ${description} */`,
    `export interface ${kind} extends KubeObject {`,
    `  apiVersion: 'nexus.dev/v1alpha1';`,
    `  kind: '${kind}';`,
    `  spec${required}: ${kind}Spec;`,
    `  status?: ${kind}Status;`,
    `}`,
    '',
  ].join('\n');
}

const parts = await Promise.all(
  ['workspace.yaml', 'placement.yaml', 'node.yaml', 'user.yaml', 'nodecommand.yaml'].map(declare),
);
const types = [
  '// Generated from crds/*.yaml by crds/generate.ts. Do not edit.',
  "import type { KubeObject } from './object.ts';",
  '',
  ...parts,
].join('\n');
const definitions = readdirSync(here)
  .filter(file => file.endsWith('.yaml'))
  .sort()
  .map(definitionIn);
const ROLES = '../manifests/rbac/roles.yaml';
const roles = parseAllDocuments(readFileSync(new URL(ROLES, here), 'utf8')).map(role => role.toJS());
const lines = (objects: object[]) => objects.map(object => `${JSON.stringify(object)}\n`).join('');

for (const [file, text] of [
  ['types.generated.ts', types],
  ['definitions.generated.jsonl', lines(definitions)],
  ['../manifests/rbac/roles.generated.jsonl', lines(roles)],
] as const) {
  const target = new URL(file, here);
  if (!process.argv.includes('--check')) writeFileSync(target, text);
  else if (readFileSync(target, 'utf8') !== text) {
    console.error(`${basename(file)} is out of date: run \`npm run generate\``);
    process.exit(1);
  }
}
