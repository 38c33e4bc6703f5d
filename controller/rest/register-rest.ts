import { randomUUID } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { discardBody } from '../kit/discard-body.ts';
import { OWN_SCHEMAS } from '../kit/own-schemas.ts';
import { AnswerOnce } from './answer-once.ts';
import { type Caller, createCallers } from './callers.ts';
import { docsPage } from './docs-page.ts';
import { registerEvents } from './events.ts';
import { Challenges } from './login/challenges.ts';
import type { RestContext } from './rest-context.ts';
import { RestError } from './rest-error.ts';
import type { RestOptions } from './rest-options.ts';
import type { Call, Route } from './route.ts';
import { COMMAND_ROUTES } from './routes/commands.ts';
import { LOGIN_ROUTES } from './routes/login.ts';
import { NODE_ROUTES } from './routes/nodes.ts';
import { SERVER_ROUTES } from './routes/server.ts';
import { USER_ROUTES } from './routes/users.ts';
import { WORKSPACE_ROUTES } from './routes/workspaces.ts';
import { Scheduled } from './scheduled.ts';
import { ERROR } from './schemas.ts';
import { toRestError } from './to-rest-error.ts';
import { tooMany, WrongTokens } from './wrong-tokens.ts';

export const REST_PREFIX = '/api/v1';
const ROUTES: readonly Route[] = [
  ...SERVER_ROUTES,
  ...LOGIN_ROUTES,
  ...USER_ROUTES,
  ...WORKSPACE_ROUTES,
  ...NODE_ROUTES,
  ...COMMAND_ROUTES,
];
/** More than the largest description of a workspace that the schemas take. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Of one that is too large: enough for what anybody sends by mistake. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;
const REQUESTS_PER_MINUTE = 100;
const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 10_000;
const NOBODY: Caller = { name: '' };
const PUBLIC_URLS = new Set([
  `${REST_PREFIX}/openapi.json`,
  '/docs',
  ...urlsOf(ROUTES.filter(r => r.isPublic)),
]);
/** Writes are told, reads only to who debugs. */
const WRITES = new Set(['POST', 'PUT', 'DELETE']);

function urlsOf(routes: readonly Route[]): string[] {
  return routes.map(({ url }) => REST_PREFIX + url);
}

/**
 * The coordination REST API below /api/v1 and its page at /docs, beside the Kubernetes API on the same app: to be called
 * before the first request.
 */
export async function registerRest(app: FastifyInstance, options: RestOptions): Promise<void> {
  const { clock, log, version, requestsPerMinute = REQUESTS_PER_MINUTE } = options;
  const context: RestContext = {
    ...options,
    callers: createCallers(options),
    challenges: new Challenges(clock),
    wrongLogins: new WrongTokens(clock),
    once: new AnswerOnce(options.client, clock),
    scheduled: new Scheduled(options),
    startedAt: clock.now(),
  };
  const calls = new WeakMap<FastifyRequest, { caller: Caller; id: string; started: number }>();
  const callerOf = (request: FastifyRequest) => calls.get(request)?.caller ?? NOBODY;

  await app.register(async scope => {
    readJsonAlone(scope);
    validate(scope);
    scope.setErrorHandler((error, request, reply) => refuse(error, request, reply));
    await scope.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Nexus coordination API',
          version,
          description:
            'For scripts and editors that need not know the Kubernetes API. Errors have a stable code.',
        },
        servers: [{ url: '/' }],
        components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      },
    });

    scope.addHook('onRequest', async (request, reply) => {
      const call = { caller: NOBODY, id: `req-${randomUUID()}`, started: clock.now() };
      calls.set(request, call);
      reply.header('x-request-id', call.id);
      if (options.signal.aborted) {
        reply.header('connection', 'close');
        throw new RestError('provider_not_available', 'The server is stopping; try again.');
      }
      if (PUBLIC_URLS.has(request.routeOptions.url ?? '')) return;
      call.caller = await context.callers.identify(request.headers.authorization, request.ip);
    });
    scope.addHook('onResponse', async (request, reply) => {
      const call = calls.get(request);
      const fields = {
        method: request.method,
        path: request.routeOptions.url,
        user: call?.caller.name ?? '',
        code: reply.statusCode,
        ms: Math.round(clock.now() - (call?.started ?? 0)),
        request_id: call?.id,
      };
      if (WRITES.has(request.method)) log.info(fields, 'rest request');
      else log.debug(fields, 'rest request');
    });
    await scope.register(rateLimit, {
      // Who asks is known by then.
      hook: 'preValidation',
      max: requestsPerMinute,
      timeWindow: WINDOW_MS,
      cache: MAX_ADDRESSES,
      keyGenerator: request => callerOf(request).name || request.ip,
      errorResponseBuilder: (_request, { ttl }) => tooMany(ttl),
    });

    for (const route of ROUTES) addRoute(scope, route, context, callerOf);
    refuseOtherMethods(scope);
    registerEvents(scope, context, callerOf);
    scope.get(`${REST_PREFIX}/openapi.json`, { schema: { hide: true } }, async () => scope.swagger());
    scope.get('/docs', { schema: { hide: true } }, async (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
        .send(docsPage(scope.swagger())),
    );

    async function refuse(
      error: unknown,
      request: FastifyRequest,
      reply: FastifyReply,
    ): Promise<FastifyReply> {
      const id = calls.get(request)?.id ?? '';
      const refusal = toRestError(error);
      if (refusal.code === 'request_too_large') await discardBody(request.raw, MAX_DISCARDED_BYTES);
      if (refusal.status >= 500)
        log.warn({ err: refusal.cause ?? error, request_id: id }, 'rest request failed');
      const { retry_after_seconds: seconds } = refusal.details;
      if (typeof seconds === 'number') reply.header('retry-after', String(seconds));
      if (refusal.code === 'auth_required') reply.header('www-authenticate', 'Bearer');
      const { code, message, status } = refusal;
      const operation = `${request.method} ${request.routeOptions.url ?? ''}`;
      const details = status === 500 ? { operation, ...refusal.details } : refusal.details;
      return reply
        .code(status)
        .type('application/json')
        .serializer(JSON.stringify)
        .send({ error: code, message, details, status, request_id: id });
    }
  });
}

/** An empty body is none, whatever its type. */
function readJsonAlone(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: MAX_BODY_BYTES }, (request, text, done) => {
    const type = request.headers['content-type'] ?? '';
    if (text === '') return done(null, null);
    if (!/^application\/(\S+\+)?json\b/i.test(type))
      return done(new RestError('invalid_request', 'Send JSON, with content-type: application/json.'));
    try {
      return done(null, JSON.parse(text as string));
    } catch (cause) {
      const why = (cause as Error).message;
      return done(new RestError('invalid_request', `The body is no JSON: ${why}`, {}, { cause }));
    }
  });
  scope.addHook('preValidation', async request => {
    // No body at all.
    if (request.body === undefined) request.body = null;
  });
}

/** Of a body of more values than this the first thing that is wrong is told alone: it could be wrong a million times. */
const MAX_VALUES_TOLD = 2_000;

/** Whether a value of JSON holds no more values than `left`. Looks at no more of them than that. */
function holdsFew(value: unknown, left = { count: MAX_VALUES_TOLD }): boolean {
  if (left.count-- <= 0) return false;
  if (typeof value !== 'object' || value === null) return true;
  for (const key in value) if (!holdsFew((value as Record<string, unknown>)[key], left)) return false;
  return true;
}

/**
 * Texts of a URL are made numbers where numbers are asked for; bodies say what they mean. Each schema is compiled when the
 * first request needs it: all of them would be an eighth of the start of a server.
 */
function validate(scope: FastifyInstance): void {
  const common = { ...OWN_SCHEMAS, useDefaults: true, allowUnionTypes: true, strict: false } as const;
  const bodies = new Ajv2020({ ...common, allErrors: true });
  const largeBodies = new Ajv2020({ ...common });
  const urls = new Ajv2020({ ...common, allErrors: true, coerceTypes: true });
  for (const ajv of [bodies, largeBodies, urls]) addFormats.default(ajv);
  scope.setValidatorCompiler(({ schema, httpPart }) => {
    const compiled = new Map<Ajv2020, ValidateFunction>();
    const check = Object.assign(
      (value: unknown) => {
        const ajv = httpPart !== 'body' ? urls : holdsFew(value) ? bodies : largeBodies;
        const validate = compiled.get(ajv) ?? ajv.compile(schema as object);
        compiled.set(ajv, validate);
        const isValid = validate(value);
        check.errors = validate.errors;
        return isValid;
      },
      { errors: undefined as ValidateFunction['errors'] },
    );
    return check;
  });
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'] as const;

/** They would be taken for calls of the Kubernetes API, which has the same prefix. */
function refuseOtherMethods(scope: FastifyInstance): void {
  for (const url of new Set(ROUTES.map(route => route.url))) {
    const allowed = ROUTES.filter(route => route.url === url).map(({ method }) => method as string);
    scope.route({
      method: METHODS.filter(method => !allowed.includes(method)),
      url: REST_PREFIX + url,
      schema: { hide: true },
      // Before anything about the body is asked for.
      async onRequest(request, reply) {
        reply.header('allow', allowed.join(', '));
        throw new RestError(
          'method_not_allowed',
          `${request.method} is not for this path; use ${allowed.join(' or ')}.`,
        );
      },
      handler: () => undefined,
    });
  }
}

function addRoute(
  scope: FastifyInstance,
  route: Route,
  context: RestContext,
  callerOf: (request: FastifyRequest) => Caller,
): void {
  scope.route({
    method: route.method,
    url: REST_PREFIX + route.url,
    exposeHeadRoute: false,
    schema: {
      summary: route.summary,
      tags: [route.tag],
      security: route.isPublic ? [] : [{ bearer: [] }],
      ...(route.params && { params: route.params }),
      ...(route.query && { querystring: route.query }),
      ...(route.body && { body: route.body }),
      response: { ...route.answers, '4xx': ERROR, '5xx': ERROR },
    },
    handler: (request, reply) =>
      route.handle({
        context,
        caller: callerOf(request),
        request,
        reply,
        params: request.params as Call['params'],
        query: request.query as Call['query'],
        body: request.body,
      }),
  });
}
