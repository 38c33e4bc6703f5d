import type { KubeObject, ManagedFieldsEntry } from '../../../crds/object.ts';
import { timestamp } from '../../kit/clock.ts';
import { ApiError, type Cause, isApiError } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import type { Entry } from '../../store/store.ts';
import { updateManagedFields } from '../apply/field-manager.ts';
import type { ApiContext, ApiRequest, ObjectAnswer } from '../context.ts';
import type { WriteOptions } from '../http/write-options.ts';
import { alreadyExists, badRequest, conflict, invalid } from '../refusals.ts';
import { keyOf, type ServedResource } from '../registry/served-resource.ts';
import { FIELD_REASONS } from '../schema/causes.ts';
import { isStatusPath, type WriteContext } from '../strategies/strategy.ts';
import { carryMetadata, fillNewMetadata, validateMetadata, validateMetadataUpdate } from './metadata.ts';
import { fromStoreError, storing } from './store-errors.ts';
import { answerOf, viewOf, viewOfObject } from './view.ts';

/** A write that is nearly there: `object` is pruned, and ours to change. */
export interface Save {
  readonly object: KubeObject;
  readonly options: WriteOptions;
  /** `object` has its managedFields already, as after server-side apply. */
  readonly managed?: boolean;
  /** `object` came as a whole, not as a patch. */
  readonly replaces?: boolean;
  /** Of this program itself, whose tests have validated it: what its strategy would find is not looked for. */
  readonly trusted?: boolean;
}

/** Stores a new object. Throws BadRequest, Invalid, Forbidden, AlreadyExists. */
export async function saveNew(context: ApiContext, request: ApiRequest, save: Save): Promise<ObjectAnswer> {
  const { served, target, user } = request;
  const { object, options } = save;
  const { strategy, resource } = served;
  const { metadata } = object;
  if (metadata.resourceVersion)
    throw badRequest('resourceVersion should not be set on objects to be created');
  const admission = {
    operation: 'CREATE',
    served,
    subresource: '',
    namespace: target.namespace,
    object,
    user,
  } as const;
  context.admission.admitEarly({ ...admission, name: metadata.name ?? '' });
  if (strategy.load) await strategy.load();
  const time = timestamp(context.clock.now());
  strategy.normalize?.(object);
  strategy.prepareForCreate?.(object, { user, time, subresource: '' });
  if (served.custom && served.hasStatus) delete (object as { status?: unknown }).status;
  served.compiled.default(object);
  fillNewMetadata(metadata, time, strategy.hasGeneration);
  const causes = served.compiled.validate(object);
  refuseTypes(served, causes);
  refuse(served, metadata.name ?? '', [...validateMetadata(object, strategy.names), ...causes]);
  if (!save.trusted) refuse(served, metadata.name, strategy.validate?.(object));
  context.admission.admit({ ...admission, name: metadata.name });
  let next = object;
  if (!save.managed) {
    delete metadata.managedFields;
    next = updateManagedFields({
      live: undefined,
      next: object,
      manager: options.fieldManager,
      subresource: '',
      schema: served.schema,
      time,
      statusSubresource: served.hasStatus,
      resetFields: strategy.resetFields,
    });
  }
  const key = keyOf(resource, target.namespace, metadata.name);
  if (options.dryRun) {
    context.quotas.reserve(served, target.namespace, metadata.name)();
    if (context.store.get(key)) throw alreadyExists(resource, metadata.name);
    return { ...answerOf(viewOfObject(next), 201), created: metadata.name };
  }
  const release = context.quotas.reserve(served, target.namespace, metadata.name);
  try {
    const entry = await context.store.create(key, toStored(next, served));
    return { ...answerOf(viewOf(entry, served), 201), created: metadata.name };
  } catch (cause) {
    const error = fromStoreError(cause, resource, metadata.name);
    const going = context.store.get(key)?.object.metadata.deletionTimestamp !== undefined;
    if (!going || !isApiError(error, 'AlreadyExists')) throw error;
    throw new ApiError(error.reason, `object is being deleted: ${error.message}`, error.details);
  } finally {
    release();
  }
}

/**
 * Stores a change of `live`. Writes nothing when there is nothing to change; deletes the object when the change lets go
 * of the last finalizer of one that is being deleted. Throws Invalid, Forbidden, Conflict.
 */
export async function saveChange(
  context: ApiContext,
  request: ApiRequest,
  live: Entry,
  save: Save,
): Promise<ObjectAnswer> {
  const { served, target, user } = request;
  const { strategy, resource } = served;
  const before = viewOf(live, served);
  const old = before.object;
  const { name } = old.metadata;
  const time = timestamp(context.clock.now());
  const next = prepareChange(request, old, save.object, { user, time });
  const same = jsonEqual(content(next), content(old));
  // Tools rewrite managedFields alone, as kubectl does where client-side apply becomes server-side.
  const saysNothing = !save.managed && next.metadata.managedFields === undefined;
  if (same && (saysNothing || sameManagers(next, old))) return answerOf(before);
  if (
    !same &&
    strategy.hasGeneration &&
    !isStatusPath(target.subresource) &&
    !jsonEqual(desired(next, served), desired(old, served))
  )
    next.metadata.generation = (old.metadata.generation ?? 0) + 1;
  const causes = served.compiled.validate(next, old);
  if (save.replaces) refuseTypes(served, causes);
  refuse(served, name, [
    ...validateMetadataUpdate(next.metadata, old.metadata),
    ...validateMetadata(next, 'any'),
    ...causes,
  ]);
  refuse(served, name, strategy.validate?.(next, old, target.subresource));
  context.admission.admit({
    operation: 'UPDATE',
    served,
    subresource: target.subresource,
    namespace: target.namespace,
    name,
    object: next,
    old,
    user,
  });
  const final = save.managed
    ? next
    : updateManagedFields({
        live: old,
        next,
        manager: save.options.fieldManager,
        subresource: target.subresource,
        schema: served.schema,
        time,
        statusSubresource: served.hasStatus,
        resetFields: strategy.resetFields,
      });
  if (same && sameManagers(final, old)) return answerOf(before);
  if (save.options.dryRun) return answerOf(viewOfObject(final));
  if (isReleased(final, served)) {
    await storing(context.store.delete(live.key, live.revision), resource, name);
    return answerOf(viewOfObject(final));
  }
  const entry = await storing(
    context.store.update(live.key, toStored(final, served), live.revision),
    resource,
    name,
  );
  return answerOf(viewOf(entry, served));
}

/** What would be stored, but for its managedFields and generation. */
function prepareChange(
  { served, target }: ApiRequest,
  old: KubeObject,
  object: KubeObject,
  write: Omit<WriteContext, 'subresource'>,
): KubeObject {
  const { strategy } = served;
  if (isStatusPath(target.subresource)) {
    const status = (object as { status?: unknown }).status;
    const metadata = { ...old.metadata, managedFields: object.metadata.managedFields };
    const next = { ...old, metadata, status } as KubeObject & { status?: unknown };
    if (status === undefined) delete next.status;
    // Only status is new; defaults may be filled into it alone.
    const copy = { ...next, metadata: { ...metadata } };
    served.compiled.default(copy);
    const prepared = { ...next, ...('status' in copy && { status: copy.status }), metadata };
    strategy.prepareStatus?.(prepared, old, { ...write, subresource: target.subresource });
    return prepared;
  }
  carryMetadata(object.metadata, old.metadata);
  if (served.hasStatus) {
    const next = object as KubeObject & { status?: unknown };
    const { status } = old as { status?: unknown };
    if (status === undefined) delete next.status;
    else next.status = status;
  }
  strategy.normalize?.(object);
  strategy.prepareForUpdate?.(object, old);
  served.compiled.default(object);
  return object;
}

/** Throws Conflict when `object` names another version or another object than `live`. */
export function checkPreconditions(request: ApiRequest, object: KubeObject, live: Entry): void {
  const { resource } = request.served;
  const { metadata } = live.object;
  const { uid, resourceVersion } = object.metadata;
  if (uid && uid !== metadata.uid)
    throw conflict(
      resource,
      metadata.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`,
    );
  if (resourceVersion && resourceVersion !== metadata.resourceVersion)
    throw conflict(resource, metadata.name);
}

/** Whether nothing holds an object any more that is being deleted. */
export function isReleased(object: KubeObject, served: ServedResource): boolean {
  const { deletionTimestamp, finalizers } = object.metadata;
  return deletionTimestamp !== undefined && !finalizers?.length && !served.strategy.holdsDeletion?.(object);
}

export function toStored(object: KubeObject, served: ServedResource): KubeObject {
  if (served.form) return served.form.toStored(object);
  return object.apiVersion === served.storageApiVersion
    ? object
    : { ...object, apiVersion: served.storageApiVersion };
}

function refuse(served: ServedResource, name: string, causes: Cause[] | undefined): void {
  if (causes?.length) throw invalid(served.resource, name, causes);
}

/** A built-in kind is read into its type before anything is asked of it: what does not fit there is no object of it. */
function refuseTypes({ custom, resource, apiVersion }: ServedResource, causes: readonly Cause[]): void {
  const wrong = custom ? undefined : causes.find(({ reason }) => reason === FIELD_REASONS.typeInvalid);
  if (!wrong) return;
  const { kind } = resource;
  throw badRequest(
    `${kind} in version "${apiVersion.split('/').pop()}" cannot be handled as a ${kind}: ${(wrong.message ?? '').replace(/^Invalid value: .*?: /, '')}`,
  );
}

/** Everything that a write can change, without who changed it. */
function content(object: KubeObject) {
  const { managedFields: _m, generation: _g, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** What moves the generation. */
function desired(object: KubeObject, { hasStatus }: ServedResource) {
  return { ...object, metadata: undefined, ...(hasStatus && { status: undefined }) };
}

function sameManagers(a: KubeObject, b: KubeObject): boolean {
  const timeless = (entries: ManagedFieldsEntry[] | undefined) =>
    (entries ?? []).map(entry => ({ ...entry, time: undefined }));
  return jsonEqual(timeless(a.metadata.managedFields), timeless(b.metadata.managedFields));
}
