import { isApiError } from '../../kit/errors.ts';
import type { ApiContext, ApiRequest, ObjectAnswer } from '../context.ts';
import { parseWriteOptions } from '../http/write-options.ts';
import { methodNotAllowed } from '../refusals.ts';
import { decodeObject, pruneObject } from './decode-object.ts';
import { generateName } from './metadata.ts';
import { saveNew } from './save.ts';

const NAME_ATTEMPTS = 8;

/** POST of a collection. */
export async function createObject(context: ApiContext, request: ApiRequest): Promise<ObjectAnswer> {
  const { served, target } = request;
  if (served.terminating || (served.resource.namespaced && !target.namespace)) throw methodNotAllowed();
  const options = parseWriteOptions(request.query, 'CreateOptions', {
    userAgent: request.headers['user-agent'] as string | undefined,
  });
  const { object, faults } = decodeObject(context, request);
  pruneObject(object, request, options.fieldValidation, faults);
  const { name, generateName: prefix } = object.metadata;
  if (name || !prefix) return saveNew(context, request, { object, options });
  for (let attempt = 1; ; attempt++) {
    const named = attempt < NAME_ATTEMPTS ? structuredClone(object) : object;
    named.metadata.name = generateName(prefix);
    try {
      return await saveNew(context, request, { object: named, options });
    } catch (error) {
      if (attempt === NAME_ATTEMPTS || !isApiError(error, 'AlreadyExists')) throw error;
    }
  }
}
