import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../crds/object.ts';
import type { CustomResourceDefinition } from './apiserver/registry/crd.ts';
import { listShipped, readShipped } from './kit/program.ts';

/** The kinds of Nexus, from the files that `kubectl apply -f crds/` installs on Kubernetes. */
export function loadCrds(): CustomResourceDefinition[] {
  return listShipped('crds')
    .filter(path => path.endsWith('.yaml'))
    .map(path => parse(readShipped(path), { merge: true }) as CustomResourceDefinition);
}

/** The roles of Nexus, from the file that `kubectl apply -f manifests/rbac/` puts on Kubernetes. */
export function loadPolicy(): KubeObject[] {
  return parseAllDocuments(readShipped('manifests/rbac/roles.yaml')).map(
    document => document.toJS() as KubeObject,
  );
}
