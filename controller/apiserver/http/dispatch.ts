import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Identity } from '../auth/identity.ts';
import { answerReview, findReview } from '../auth/reviews.ts';
import type { ApiContext, ApiRequest, ObjectAnswer } from '../context.ts';
import { methodNotAllowed, noSuchResource, notFound } from '../refusals.ts';
import { keyOf } from '../registry/served-resource.ts';
import { createObject } from '../verbs/create.ts';
import { deleteCollection, deleteObject } from '../verbs/delete.ts';
import { finalizeNamespace } from '../verbs/finalize.ts';
import { listObjects, parseIncludeObject } from '../verbs/list.ts';
import { patchObject } from '../verbs/patch.ts';
import { replaceObject } from '../verbs/replace.ts';
import { scaleObject } from '../verbs/scale.ts';
import { requestToken } from '../verbs/token-request.ts';
import { answerOf, viewOf } from '../verbs/view.ts';
import { watchObjects } from '../verbs/watch.ts';
import type { SharedEvents } from '../verbs/watch-encoder.ts';
import { BUILTIN_TYPES, decodeBody, mediaTypeOf } from './decode-body.ts';
import { META_OFFERS, negotiate } from './negotiate.ts';
import type { RequestInfo, ResourceTarget } from './request-info.ts';
import { renderObject, sendJson } from './respond.ts';
import { warnings } from './warnings.ts';

export interface DispatchParts {
  readonly context: ApiContext;
  readonly shared: SharedEvents;
  readonly closing: AbortSignal;
}

/** A request for a resource, from somebody who may make it. */
export interface ResourceCall {
  readonly info: RequestInfo & { readonly target: ResourceTarget };
  readonly user: Identity;
  /** Of a watch: see WatchParts. */
  readonly guard: (end: () => void) => () => void;
  /** Is told the name of what was created. */
  readonly created: (name: string) => void;
}

/** Answers a request for a resource. Throws ApiError. */
export async function dispatch(
  parts: DispatchParts,
  call: ResourceCall,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { context } = parts;
  const { info, user } = call;
  const { target, verb } = info;
  const { gzipAboveBytes } = context.limits;
  const body = http.body as Buffer | undefined;
  const review = findReview(target.group, target.version, target.plural);
  if (review) {
    if (Boolean(target.namespace) !== review.namespaced) throw noSuchResource();
    if (verb !== 'create' || target.name) throw methodNotAllowed();
    const { value } = decodeBody(
      body ?? Buffer.alloc(0),
      mediaTypeOf(http.headers['content-type']),
      {
        maxDepth: context.limits.depth,
        maxYamlAliases: context.limits.yamlAliases,
      },
      BUILTIN_TYPES,
    );
    const { format } = negotiate(http.headers.accept, []);
    const { namespace } = target;
    const json = JSON.stringify(answerReview(context, { kind: review, namespace, body: value, user }));
    return sendJson(http, reply, { code: 201, json, format, gzipAboveBytes });
  }
  const wanted = negotiate(http.headers.accept, META_OFFERS);
  const request = resolve(context, call, http, body, reply);
  if (request.served.deprecation) request.warn(request.served.deprecation);
  if (wanted.as === 'Table') parseIncludeObject(request);
  if (verb === 'watch')
    return watchObjects(context, request, {
      wanted,
      shared: parts.shared,
      closing: parts.closing,
      guard: call.guard,
      open: () => {
        reply.hijack();
        return reply.raw;
      },
    });
  const answer = await handle(context, request, verb, wanted);
  const { format } = wanted;
  if (typeof answer === 'string')
    return sendJson(http, reply, { code: 200, json: answer, format, gzipAboveBytes });
  const { code, view, created } = answer;
  if (created !== undefined) call.created(created);
  const json = renderObject(context, request, view, wanted);
  return sendJson(http, reply, { code, json, format, gzipAboveBytes });
}

function resolve(
  context: ApiContext,
  { info: { target, query }, user }: ResourceCall,
  http: FastifyRequest,
  body: Buffer | undefined,
  reply: FastifyReply,
): ApiRequest {
  const served = context.registry.find(target.group, target.version, target.plural);
  if (!served) throw noSuchResource();
  const { namespaced } = served.resource;
  if (target.namespace && !namespaced) throw noSuchResource();
  if (target.name && namespaced && !target.namespace) throw noSuchResource();
  if (!isServed(target, served)) throw noSuchResource();
  const { headers } = http;
  const warn = warnings(values => reply.header('warning', values));
  return { user, target, served, query, headers, body, warn };
}

function isServed({ subresource }: ResourceTarget, served: ApiRequest['served']): boolean {
  if (subresource === '') return true;
  if (subresource === 'status') return served.hasStatus;
  if (subresource === 'scale') return served.scale !== undefined;
  if (subresource === 'approval') return served.strategy.hasApproval === true;
  if (subresource === 'token') return served.resource.kind === 'ServiceAccount' && !served.custom;
  return subresource === 'finalize' && served.resource.kind === 'Namespace' && !served.custom;
}

async function handle(
  context: ApiContext,
  request: ApiRequest,
  verb: string,
  wanted: Parameters<typeof listObjects>[2],
): Promise<ObjectAnswer | string> {
  const { subresource, name } = request.target;
  if (subresource === 'finalize') {
    if (verb !== 'update') throw methodNotAllowed();
    return finalizeNamespace(context, request);
  }
  if (subresource === 'scale') return scaleObject(context, request, verb);
  if (subresource === 'token') {
    if (verb !== 'create') throw methodNotAllowed();
    return requestToken(context, request);
  }
  if (!request.served.verbs.includes(verb)) throw methodNotAllowed();
  switch (verb) {
    case 'get':
      return getObject(context, request);
    case 'list':
      return listObjects(context, request, wanted);
    case 'create':
      if (name) throw methodNotAllowed();
      return createObject(context, request);
    case 'update':
      if (!name) throw methodNotAllowed();
      return replaceObject(context, request);
    case 'patch':
      if (!name) throw methodNotAllowed();
      return patchObject(context, request);
    case 'delete':
      return deleteObject(context, request);
    case 'deletecollection':
      return deleteCollection(context, request);
    default:
      throw methodNotAllowed();
  }
}

function getObject({ store }: ApiContext, { served, target }: ApiRequest): ObjectAnswer {
  const entry = store.get(keyOf(served.resource, target.namespace, target.name));
  if (!entry) throw notFound(served.resource, target.name);
  return answerOf(viewOf(entry, served));
}
