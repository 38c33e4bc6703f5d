import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../crds/object.ts';
import type { CustomResourceDefinition } from './apiserver/registry/crd.ts';

/** The kinds of Nexus, from the files that `kubectl apply -f crds/` installs on Kubernetes. */
export function loadCrds(): CustomResourceDefinition[] {
  const dir = fileURLToPath(new URL('../crds/', import.meta.url));
  const files = readdirSync(dir).filter(file => file.endsWith('.yaml'));
  return files
    .sort()
    .map(file => parse(readFileSync(join(dir, file), 'utf8'), { merge: true }) as CustomResourceDefinition);
}

/** The roles of Nexus, from the file that `kubectl apply -f manifests/rbac/` puts on Kubernetes. */
export function loadPolicy(): KubeObject[] {
  const file = fileURLToPath(new URL('../manifests/rbac/roles.yaml', import.meta.url));
  return parseAllDocuments(readFileSync(file, 'utf8')).map(document => document.toJS() as KubeObject);
}
