import type { Namespace } from '../../../crds/object.ts';
import { jsonEqual } from '../../kit/json.ts';
import type { ApiContext, ApiRequest, ObjectAnswer } from '../context.ts';
import { badRequest, methodNotAllowed, notFound } from '../refusals.ts';
import { keyOf } from '../registry/served-resource.ts';
import { decodeObject } from './decode-object.ts';
import { checkPreconditions, isReleased } from './save.ts';
import { storing } from './store-errors.ts';
import { answerOf, copyOf, viewOf, viewOfObject } from './view.ts';

/** PUT of a namespace's finalize subresource: sets spec.finalizers, which nothing else may. */
export async function finalizeNamespace(context: ApiContext, request: ApiRequest): Promise<ObjectAnswer> {
  const { served, target } = request;
  const { resource } = served;
  if (resource.kind !== 'Namespace' || served.custom) throw methodNotAllowed();
  const { spec, metadata } = decodeObject(context, request).object as Namespace;
  if (metadata.name !== target.name)
    throw badRequest(
      `the name of the object (${metadata.name ?? ''}) does not match the name on the URL (${target.name})`,
    );
  const wanted = spec?.finalizers ?? [];
  if (!Array.isArray(wanted) || wanted.some(finalizer => typeof finalizer !== 'string'))
    throw badRequest('spec.finalizers must be a list of strings');
  const key = keyOf(resource, '', target.name);
  const live = context.store.get(key);
  if (!live) throw notFound(resource, target.name);
  checkPreconditions(request, { ...live.object, metadata }, live);
  const before = viewOf(live, served);
  const object = copyOf(before) as Namespace;
  if (wanted.length > 0) object.spec = { finalizers: wanted };
  else delete object.spec;
  if (isReleased(object, served)) {
    await storing(context.store.delete(key, live.revision), resource, target.name);
    return answerOf(viewOfObject(object));
  }
  if (jsonEqual(object, before.object)) return answerOf(before);
  const entry = await storing(context.store.update(key, object, live.revision), resource, target.name);
  return answerOf(viewOf(entry, served));
}
