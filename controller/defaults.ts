import type { KubeObject } from '../crds/object.ts';
import type { CustomResourceDefinition } from './apiserver/registry/crd.ts';
import { readShipped } from './kit/program.ts';

/** The kinds of Nexus: what the files say that `kubectl apply -f crds/` installs on Kubernetes. */
export const loadCrds = (): CustomResourceDefinition[] => readLines('crds/definitions.generated.jsonl');

/** The roles of Nexus, as in the file that `kubectl apply -f manifests/rbac/` puts on Kubernetes. */
export const loadPolicy = (): KubeObject[] => readLines('manifests/rbac/roles.generated.jsonl');

function readLines<T>(path: string): T[] {
  return readShipped(path)
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as T);
}
