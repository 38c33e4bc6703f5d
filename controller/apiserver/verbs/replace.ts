import type { ApiContext, ApiRequest, ObjectAnswer } from '../context.ts';
import { parseWriteOptions } from '../http/write-options.ts';
import { badRequest, invalid, notFound } from '../refusals.ts';
import { keyOf } from '../registry/served-resource.ts';
import { invalid as invalidValue } from '../schema/causes.ts';
import { decodeObject, pruneObject } from './decode-object.ts';
import { checkPreconditions, saveChange } from './save.ts';

/** PUT of an object or its status. */
export async function replaceObject(context: ApiContext, request: ApiRequest): Promise<ObjectAnswer> {
  const { served, target } = request;
  const { resource } = served;
  const options = parseWriteOptions(request.query, 'UpdateOptions', {
    userAgent: request.headers['user-agent'] as string | undefined,
  });
  const { object, faults } = decodeObject(context, request);
  object.metadata.name ||= target.name;
  if (object.metadata.name !== target.name)
    throw badRequest(
      `the name of the object (${object.metadata.name}) does not match the name on the URL (${target.name})`,
    );
  pruneObject(object, request, options.fieldValidation, faults);
  const live = context.store.get(keyOf(resource, target.namespace, target.name));
  if (!live) throw notFound(resource, target.name);
  if (!object.metadata.resourceVersion && !served.strategy.allowsUnconditionalUpdate)
    throw invalid({ group: resource.group, kind: resource.plural }, target.name, [
      invalidValue('metadata.resourceVersion', 0, 'must be specified for an update'),
    ]);
  checkPreconditions(request, object, live);
  return saveChange(context, request, live, { object, options, replaces: true });
}
