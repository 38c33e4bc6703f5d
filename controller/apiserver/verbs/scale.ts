import type { KubeObject } from '../../../crds/object.ts';
import { isApiError } from '../../kit/errors.ts';
import type { ApiContext, ApiRequest, ObjectAnswer, View } from '../context.ts';
import { decodeBody, mediaTypeOf, unsupportedMediaType } from '../http/decode-body.ts';
import { parseWriteOptions } from '../http/write-options.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { badRequest, invalid, methodNotAllowed, notFound, shown } from '../refusals.ts';
import { keyOf, type ScalePaths } from '../registry/served-resource.ts';
import { invalid as invalidValue, required } from '../schema/causes.ts';
import { isObject, type JsonObject } from '../schema/json-schema.ts';
import { JSON_PATCH, MERGE_PATCH } from './patch.ts';
import { checkPreconditions, saveChange } from './save.ts';
import { answerOf, copyOf, viewOf, viewOfObject } from './view.ts';

/** A part of a custom resource in the form in which every scalable kind has it: autoscaling/v1 Scale. */
interface Scale extends KubeObject {
  spec: { replicas?: number };
  status: { replicas: number; selector?: string };
}

export const SCALE_KIND = { group: 'autoscaling', version: 'v1', kind: 'Scale' } as const;
const PATCHES: ReadonlySet<string> = new Set([JSON_PATCH, MERGE_PATCH]);
const MAX_INT32 = 2 ** 31 - 1;
/** Writes that name no version are tried again this often when somebody else was faster. */
const ATTEMPTS = 5;

/** GET, PUT and PATCH of `/scale`. Throws ApiError. */
export async function scaleObject(
  context: ApiContext,
  request: ApiRequest,
  verb: string,
): Promise<ObjectAnswer> {
  if (verb !== 'get' && verb !== 'update' && verb !== 'patch') throw methodNotAllowed();
  if (verb === 'get') return answerOf(viewOfObject(scaleOf(liveOf(context, request), request)));
  const change = readChange(context, request, verb);
  for (let attempt = 1; ; attempt++) {
    try {
      return await writeOnce(context, request, change);
    } catch (error) {
      const again = !change.pinned && isApiError(error, 'Conflict') && attempt < ATTEMPTS;
      if (!again) throw error;
    }
  }
}

/** What a scale becomes, and whether the client said which version it means. */
interface Change {
  of(scale: Scale): unknown;
  pinned: boolean;
}

function readChange(context: ApiContext, request: ApiRequest, verb: 'update' | 'patch'): Change {
  const type = mediaTypeOf(request.headers['content-type'] as string | undefined);
  if (verb === 'patch' && !PATCHES.has(type)) throw unsupportedMediaType(PATCHES);
  if (!request.body?.length) throw badRequest('the request needs a body');
  const { depth: maxDepth, yamlAliases: maxYamlAliases } = context.limits;
  const { value } = decodeBody(
    request.body,
    type,
    { maxDepth, maxYamlAliases },
    verb === 'patch' ? PATCHES : undefined,
  );
  if (verb === 'update') return { of: () => value, pinned: versionOf(value) !== undefined };
  if (type === JSON_PATCH) return { of: scale => jsonPatch(scale, value), pinned: false };
  return { of: scale => mergePatch(scale, value), pinned: versionOf(value) !== undefined };
}

const versionOf = (value: unknown): unknown =>
  isObject(value) && isObject(value.metadata) ? value.metadata.resourceVersion || undefined : undefined;

async function writeOnce(context: ApiContext, request: ApiRequest, change: Change): Promise<ObjectAnswer> {
  const { served, target, query, headers } = request;
  const options = parseWriteOptions(query, 'UpdateOptions', {
    userAgent: headers['user-agent'] as string | undefined,
  });
  const live = liveOf(context, request);
  const wanted = asScale(change.of(scaleOf(live, request)), request);
  checkPreconditions(request, wanted, live);
  const object = copyOf(viewOf(live, served));
  put(object as unknown as JsonObject, pathsOf(request).spec, wanted.spec.replicas ?? 0);
  const saved = await saveChange(context, request, live, { object, options });
  return answerOf(viewOfObject(scaleOf(saved.view, { ...request, target })));
}

function liveOf({ store }: ApiContext, { served, target }: ApiRequest) {
  const live = store.get(keyOf(served.resource, target.namespace, target.name));
  if (!live) throw notFound(served.resource, target.name);
  return live;
}

const pathsOf = ({ served }: ApiRequest): ScalePaths => served.scale!;

function scaleOf(view: View, request: ApiRequest): Scale {
  const { object } = view;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { spec, status, selector } = pathsOf(request);
  const replicas = at(object, spec);
  if (replicas === undefined)
    throw invalid(request.served.resource, name, [
      required(`.${spec.join('.')}`, 'the field that the scale reads does not exist'),
    ]);
  const text = selector && at(object, selector);
  return {
    kind: SCALE_KIND.kind,
    apiVersion: `${SCALE_KIND.group}/${SCALE_KIND.version}`,
    metadata: { name, ...(namespace && { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { ...(typeof replicas === 'number' && replicas !== 0 && { replicas }) },
    status: {
      replicas: count(at(object, status)),
      ...(typeof text === 'string' && text && { selector: text }),
    },
  } as unknown as Scale;
}

const count = (value: unknown): number => (typeof value === 'number' ? value : 0);

/** Throws BadRequest, Invalid. */
function asScale(value: unknown, { served, target }: ApiRequest): Scale {
  if (!isObject(value)) throw badRequest('the body must be an object');
  const wanted = `${SCALE_KIND.group}/${SCALE_KIND.version}`;
  // Typed clients leave both out; the path says which one is meant.
  const { kind = SCALE_KIND.kind, apiVersion = wanted, metadata = {}, spec = {} } = value;
  if (kind !== SCALE_KIND.kind || apiVersion !== wanted)
    throw badRequest(`the body must be a Scale of ${wanted}, not ${shown(kind)} of ${shown(apiVersion)}`);
  if (!isObject(metadata) || !isObject(spec ?? {})) throw badRequest('metadata and spec must be objects');
  if (metadata.name && metadata.name !== target.name)
    throw badRequest(
      `the name of the object (${shown(metadata.name)}) does not match the name on the URL (${target.name})`,
    );
  const replicas = ((spec ?? {}) as JsonObject).replicas ?? 0;
  if (!Number.isInteger(replicas) || Math.abs(replicas as number) > MAX_INT32)
    throw badRequest('spec.replicas must be a 32-bit integer');
  if ((replicas as number) < 0)
    throw invalid(served.resource, target.name, [
      invalidValue('.spec.replicas', replicas, 'should be a non-negative integer'),
    ]);
  return { ...value, metadata, spec: { replicas } } as unknown as Scale;
}

function at(object: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), object);
}

function put(object: JsonObject, path: readonly string[], value: unknown): void {
  let parent = object;
  for (const key of path.slice(0, -1)) {
    if (!isObject(parent[key])) parent[key] = {};
    parent = parent[key] as JsonObject;
  }
  parent[path.at(-1)!] = value;
}
