import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { CustomResourceDefinition } from '../../controller/apiserver/registry/crd.ts';

const folder = new URL('../../crds/', import.meta.url);

/** The project's own kinds, as parsed from their files. */
export function loadTestCrds(): CustomResourceDefinition[] {
  return readdirSync(folder)
    .filter(name => name.endsWith('.yaml'))
    .map(
      name => parse(readFileSync(new URL(name, folder), 'utf8'), { merge: true }) as CustomResourceDefinition,
    );
}
