/**
 * Writes types.generated.ts from the CRDs beside this file.
 * `node crds/generate.ts` writes; `node crds/generate.ts --check` exits 1 when the file differs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { parse } from 'yaml';

const here = new URL('./', import.meta.url);
const target = new URL('types.generated.ts', here);

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

/** A named interface for spec and status, and one for the object around them. */
async function declare(file: string): Promise<string> {
  const crd = parse(readFileSync(new URL(file, here), 'utf8'), { merge: true }) as Crd;
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
const text = [
  '// Generated from crds/*.yaml by crds/generate.ts. Do not edit.',
  "import type { KubeObject } from './object.ts';",
  '',
  ...parts,
].join('\n');

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('crds/types.generated.ts is out of date: run `npm run generate`');
    process.exit(1);
  }
} else writeFileSync(target, text);
