import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { discardBody } from '../../kit/discard-body.ts';
import { ApiError } from '../../kit/errors.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Authenticator, Identity } from '../auth/identity.ts';
import type { ApiContext } from '../context.ts';
import type { FlowControl } from '../flow-control/flow-control.ts';
import { methodNotAllowed } from '../refusals.ts';
import { PATCH_TYPES } from '../verbs/patch.ts';
import type { SharedEvents } from '../verbs/watch-encoder.ts';
import { authorizeRequest, identify } from './access.ts';
import { BUILTIN_TYPES } from './decode-body.ts';
import { dispatch, type ResourceCall } from './dispatch.ts';
import { toApiError } from './failure.ts';
import { answerPath, type NonResourceParts } from './non-resource.ts';
import type { OpenWatches } from './open-watches.ts';
import { parseRequest, type RequestInfo } from './request-info.ts';

export interface RouteParts {
  readonly context: ApiContext;
  readonly authenticator: Authenticator;
  readonly shared: SharedEvents;
  readonly paths: NonResourceParts;
  readonly watches: OpenWatches;
  readonly flows: FlowControl;
  readonly audit: AuditLog;
  /** Aborted when the server stops. */
  readonly closing: AbortSignal;
}

/** What is known of a request before its body is read. */
interface Call {
  readonly info: RequestInfo;
  /** Whom the credential stands for. */
  authenticated?: Identity;
  /** Whom they act as: mostly themselves. */
  user?: Identity;
  readonly started: number;
  /** Name of what was created. */
  createdName?: string;
  refusal?: ApiError;
}

/** Where a request keeps its Call. */
const CALL = Symbol('call');

/** Of a body that is too large: enough for what anybody sends by mistake. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Every path of the API. Paths that other plugins register go before these. */
export async function registerRoutes(app: FastifyInstance, parts: RouteParts): Promise<void> {
  const { context, authenticator, closing } = parts;
  const { limits, log, authorizer } = context;
  const access = { authenticator, authorizer };
  app.decorateRequest(CALL, null);
  const callOf = (request: FastifyRequest) => request as { [CALL]?: Call };
  const guardOf = (request: FastifyRequest, info: RequestInfo) => (end: () => void) =>
    parts.watches.add({
      end,
      isAllowed: async () => {
        try {
          authorizeRequest(access, await identify(access, request), info);
          return true;
        } catch {
          return false;
        }
      },
    });

  app.removeAllContentTypeParsers();
  // Named as well: what a type is parsed by is looked up once for these, and each time for others.
  for (const type of [...BUILTIN_TYPES, ...PATCH_TYPES, '*'])
    app.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.addHook('onRequest', async (request, reply) => {
    // An empty one is none, not one that is unknown.
    if (request.raw.headers['content-type'] === '') delete request.raw.headers['content-type'];
    const info = parseRequest(request.method, request.raw.url ?? '/');
    const call: Call = { info, started: context.clock.now() };
    callOf(request)[CALL] = call;
    if (closing.aborted) {
      reply.header('connection', 'close');
      throw new ApiError('ServiceUnavailable', 'the server is stopping; try again', { retryAfterSeconds: 1 });
    }
    boundAnswer(context, info, reply);
    reply.raw.once('close', () => finished(parts, call, request, reply.raw.statusCode));
    call.user = await identify(access, request, user => {
      call.authenticated = user;
    });
    authorizeRequest(access, call.user, info);
    const admitted = parts.flows.admit(call.user, info, reply.raw);
    if (admitted) await admitted;
  });

  app.setErrorHandler(async (error, request, reply) => {
    const refusal = toApiError(error, log, limits.bodyBytes);
    const call = callOf(request)[CALL];
    if (call) call.refusal = refusal;
    if (refusal.reason === 'RequestEntityTooLarge') await discardBody(request.raw, MAX_DISCARDED_BYTES);
    sendStatus(reply, refusal);
    return request.method === 'HEAD' ? undefined : reply;
  });
  app.setNotFoundHandler((_request, reply) =>
    sendStatus(reply.header('allow', METHODS.join(', ')), methodNotAllowed()),
  );

  app.route({
    method: [...METHODS],
    url: '/*',
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const call = callOf(request)[CALL]!;
      const { info, user } = call;
      const created = (name: string) => {
        call.createdName = name;
      };
      if (info.target) {
        const resourceCall = { info, user, guard: guardOf(request, info), created } as ResourceCall;
        return dispatch(parts, resourceCall, request, reply);
      }
      return answerPath(parts.paths, info, request, reply);
    },
  });
}

/** Cuts an answer that takes too long: a client that does not read would hold what it asked for. */
function boundAnswer({ clock, limits }: ApiContext, info: RequestInfo, reply: FastifyReply): void {
  if (info.verb === 'watch') return;
  reply.raw.once(
    'close',
    clock.after(limits.answerMs, () => reply.raw.destroy()),
  );
}

const QUIET = new Set(['leases', 'events']);

/** Counts and logs a request that was answered: never its body, never its query, which may hold a token. */
function finished({ context, audit }: RouteParts, call: Call, request: FastifyRequest, code: number): void {
  const { info, user, started, authenticated } = call;
  const { target, verb, path } = info;
  const ms = Math.round(context.clock.now() - started);
  const served = target && context.registry.find(target.group, target.version, target.plural);
  // Only what is served: labels must not grow with what clients make up.
  const [group, resource] = served ? [served.resource.group, served.resource.plural] : ['', ''];
  context.metrics.answered({ verb, group, resource, code, seconds: ms / 1000 });
  audit.record({
    ...call,
    user: authenticated,
    ...(user !== authenticated && { impersonated: user }),
    url: request.raw.url ?? '/',
    sourceIp: request.ip ?? '',
    userAgent: request.headers['user-agent'] ?? '',
    received: started,
    finished: context.clock.now(),
    code,
  });
  const fields = { verb, path, user: user?.name ?? '', code, ms };
  if (code >= 500) context.log.warn(fields, 'request');
  else if (isNews(verb, resource, code)) context.log.info(fields, 'request');
  else context.log.debug(fields, 'request');
}

const WRITES = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** That it is there already, or was changed meanwhile, is an answer that reconcilers reckon with. */
const isNews = (verb: string, resource: string, code: number) =>
  WRITES.has(verb) && !QUIET.has(resource) && code !== 409;

export function sendStatus(reply: FastifyReply, error: ApiError): FastifyReply {
  const { retryAfterSeconds } = error.details ?? {};
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  if (error.reason === 'Unauthorized') reply.header('www-authenticate', 'Bearer');
  return reply
    .code(error.code)
    .header('content-type', 'application/json')
    .header('cache-control', 'no-cache, private')
    .send(JSON.stringify(error.toStatus()));
}
