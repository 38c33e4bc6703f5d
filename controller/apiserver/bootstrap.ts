import { CRD, NAMESPACE, type Resource } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import { PROTECTED_NAMESPACES } from './admission/namespace-lifecycle.ts';
import { GROUP_MASTERS, type Identity } from './auth/identity.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import type { WriteOptions } from './http/write-options.ts';
import type { CustomResourceDefinition } from './registry/crd.ts';
import { keyOf } from './registry/served-resource.ts';
import { saveChange, saveNew } from './verbs/save.ts';
import { copyOf } from './verbs/view.ts';

const SERVER: Identity = { name: 'system:apiserver', groups: [GROUP_MASTERS] };
const OPTIONS: WriteOptions = {
  dryRun: false,
  fieldManager: 'nexus-apiserver',
  fieldValidation: 'Ignore',
  force: true,
};

/** Writes what must be there before anybody asks: namespaces, and the definitions that differ from those given. */
export async function bootstrap(
  context: ApiContext,
  crds: readonly CustomResourceDefinition[],
): Promise<void> {
  for (const crd of crds) await ensureDefinition(context, crd);
  for (const name of PROTECTED_NAMESPACES) {
    if (context.store.get(keyOf(NAMESPACE, '', name))) continue;
    const object: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await saveNew(context, requestFor(context, NAMESPACE), { object, options: OPTIONS });
  }
}

async function ensureDefinition(context: ApiContext, crd: CustomResourceDefinition): Promise<void> {
  const live = context.store.get(keyOf(CRD, '', crd.metadata.name));
  const request = requestFor(context, CRD, live && crd.metadata.name);
  if (!live) {
    await saveNew(context, request, { object: structuredClone(crd), options: OPTIONS });
    return;
  }
  const object = { ...copyOf(live), spec: structuredClone(crd.spec) };
  for (const field of ['labels', 'annotations'] as const)
    if (crd.metadata[field]) object.metadata[field] = { ...object.metadata[field], ...crd.metadata[field] };
  await saveChange(context, request, live, { object, options: OPTIONS });
}

/** A request of the server itself. */
function requestFor({ registry }: ApiContext, resource: Resource, name = ''): ApiRequest {
  const { group, version, plural } = resource;
  return {
    user: SERVER,
    served: registry.find(group, version, plural)!,
    target: { group, version, plural, namespace: '', name, subresource: '' },
    query: new URLSearchParams(),
    headers: {},
    body: undefined,
    warn() {},
  };
}
