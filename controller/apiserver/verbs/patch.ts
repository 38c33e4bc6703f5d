import type { KubeObject } from '../../../crds/object.ts';
import { timestamp } from '../../kit/clock.ts';
import { ApiError, isApiError } from '../../kit/errors.ts';
import type { Entry } from '../../store/store.ts';
import { applyPatch } from '../apply/field-manager.ts';
import type { ApiContext, ApiRequest, ObjectAnswer } from '../context.ts';
import { decodeBody, mediaTypeOf, unsupportedMediaType } from '../http/decode-body.ts';
import { parseWriteOptions, type WriteOptions } from '../http/write-options.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { strategicMergePatch } from '../patch/strategic-merge-patch.ts';
import { badRequest, conflict, methodNotAllowed, notFound } from '../refusals.ts';
import { keyOf } from '../registry/served-resource.ts';
import { isObject } from '../schema/json-schema.ts';
import { isStatusPath } from '../strategies/strategy.ts';
import { asObject, pruneObject } from './decode-object.ts';
import { checkPreconditions, saveChange, saveNew } from './save.ts';
import { copyOf, viewOf } from './view.ts';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';
const CUSTOM_TYPES: ReadonlySet<string> = new Set([JSON_PATCH, MERGE_PATCH, APPLY_PATCH]);
/** Media types of patches: of built-in kinds all of them. */
export const PATCH_TYPES: ReadonlySet<string> = new Set([...CUSTOM_TYPES, STRATEGIC_PATCH]);

/** Patches that name no version are tried again this often when somebody else was faster. */
const ATTEMPTS = 5;

/** PATCH of an object or its status, in any of the four forms. */
export async function patchObject(context: ApiContext, request: ApiRequest): Promise<ObjectAnswer> {
  const { served, target } = request;
  const type = mediaTypeOf(request.headers['content-type'] as string | undefined);
  const accepted = served.custom ? CUSTOM_TYPES : PATCH_TYPES;
  if (!accepted.has(type)) throw unsupportedMediaType(accepted);
  const options = parseWriteOptions(request.query, 'PatchOptions', {
    userAgent: request.headers['user-agent'] as string | undefined,
    apply: type === APPLY_PATCH,
  });
  if (!request.body?.length) throw badRequest('the request needs a body');
  const { value, duplicates } = decodeBody(
    request.body,
    type,
    { maxDepth: context.limits.depth, maxYamlAliases: context.limits.yamlAliases },
    accepted,
  );
  const patch = type === APPLY_PATCH ? prepareApplied(value, request, { options, duplicates }) : value;
  const key = keyOf(served.resource, target.namespace, target.name);
  for (let attempt = 1; ; attempt++) {
    const live = context.store.get(key);
    try {
      if (type === APPLY_PATCH) return await applyOnce(context, request, live, patch as KubeObject, options);
      if (!live) throw notFound(served.resource, target.name);
      return await patchOnce(context, request, live, { type, patch, options, faults: duplicates });
    } catch (error) {
      const raced = type === APPLY_PATCH && isApiError(error, 'AlreadyExists');
      const conflicted =
        isApiError(error, 'Conflict') && !error.details?.causes && !(error instanceof FinalConflict);
      const retry = raced || conflicted;
      if (!retry || attempt === ATTEMPTS || context.store.get(key) === live) throw error;
    }
  }
}

/** A conflict that trying again cannot help. */
class FinalConflict extends ApiError {}

interface Patch {
  readonly type: string;
  readonly patch: unknown;
  readonly options: WriteOptions;
  readonly faults: readonly string[];
}

async function patchOnce(
  context: ApiContext,
  request: ApiRequest,
  live: Entry,
  { type, patch, options, faults }: Patch,
): Promise<ObjectAnswer> {
  const { served } = request;
  const base = viewOf(live, served);
  const object = asObject(patched(type, copyOf(base), patch, request), served);
  checkIdentity(object, request);
  pinned(() => checkPreconditions(request, object, live));
  pruneObject(object, request, options.fieldValidation, faults);
  return saveChange(context, request, live, { object, options });
}

function patched(type: string, base: KubeObject, patch: unknown, { served }: ApiRequest): unknown {
  if (type === JSON_PATCH) return jsonPatch(base, patch);
  return type === MERGE_PATCH ? mergePatch(base, patch) : strategicMergePatch(base, patch, served.schema);
}

function prepareApplied(
  value: unknown,
  request: ApiRequest,
  { options, duplicates }: { options: WriteOptions; duplicates: readonly string[] },
): KubeObject {
  const { served, target } = request;
  const said = isObject(value) ? value : {};
  if (!said.apiVersion || !said.kind)
    throw badRequest(`invalid object type: ${said.apiVersion ?? ''}, Kind=${said.kind ?? ''}`);
  const object = asObject(value, served);
  if (object.metadata.managedFields?.length) throw badRequest('metadata.managedFields must be nil');
  delete object.metadata.managedFields;
  object.metadata.name ||= target.name;
  if (target.namespace) object.metadata.namespace ||= target.namespace;
  checkIdentity(object, request);
  pruneObject(object, request, options.fieldValidation, duplicates);
  served.strategy.normalize?.(object);
  if (served.hasStatus && target.subresource === '') delete (object as { status?: unknown }).status;
  if (!isStatusPath(target.subresource)) return object;
  const { apiVersion, kind, metadata } = object;
  const { status } = object as { status?: unknown };
  return { apiVersion, kind, metadata, ...(status !== undefined && { status }) } as KubeObject;
}

async function applyOnce(
  context: ApiContext,
  request: ApiRequest,
  live: Entry | undefined,
  applied: KubeObject,
  options: WriteOptions,
): Promise<ObjectAnswer> {
  const { served, target } = request;
  const { uid, resourceVersion } = applied.metadata;
  if (!live) {
    if (target.subresource) throw notFound(served.resource, target.name);
    if (served.terminating || (served.resource.namespaced && !target.namespace)) throw methodNotAllowed();
    if (uid)
      throw conflict(
        served.resource,
        target.name,
        `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
      );
    if (resourceVersion) throw notFound(served.resource, target.name);
  } else pinned(() => checkPreconditions(request, applied, live));
  const object = applyPatch({
    live: live && copyOf(viewOf(live, served)),
    applied: structuredClone(applied),
    manager: options.fieldManager,
    force: options.force,
    subresource: target.subresource,
    schema: served.schema,
    time: timestamp(context.clock.now()),
    statusSubresource: served.hasStatus,
    resetFields: served.strategy.resetFields,
  });
  const save = { object, options, managed: true };
  return live ? saveChange(context, request, live, save) : saveNew(context, request, save);
}

/** The client named a version: a conflict with it stays one. */
function pinned(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (isApiError(error, 'Conflict')) throw new FinalConflict('Conflict', error.message, error.details);
    throw error;
  }
}

function checkIdentity({ metadata }: KubeObject, { target }: ApiRequest): void {
  if (metadata.name !== target.name)
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${target.name})`,
    );
  if ((metadata.namespace ?? '') !== target.namespace)
    throw badRequest(
      `the namespace of the object (${metadata.namespace ?? ''}) does not match the namespace on the URL (${target.namespace})`,
    );
}
