import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../crds/object.ts';
import type { CustomResourceDefinition } from './apiserver/registry/crd.ts';
import { readShipped } from './kit/program.ts';

/** The kinds of Nexus: what the files say that `kubectl apply -f crds/` installs on Kubernetes. */
export function loadCrds(): CustomResourceDefinition[] {
  return JSON.parse(readShipped('crds/definitions.generated.json')) as CustomResourceDefinition[];
}

/** The roles of Nexus, from the file that `kubectl apply -f manifests/rbac/` puts on Kubernetes. */
export function loadPolicy(): KubeObject[] {
  return parseAllDocuments(readShipped('manifests/rbac/roles.yaml')).map(
    document => document.toJS() as KubeObject,
  );
}
