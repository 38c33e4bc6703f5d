import { randomUUID } from 'node:crypto';
import type { ApiError, ApiReason } from '../../kit/errors.ts';
import { type Identity, isSystem } from '../auth/identity.ts';
import type { RequestInfo } from '../http/request-info.ts';

/** Which requests are recorded: none; those that change something, read Secrets or are refused; all. */
export type AuditScope = 'off' | 'writes' | 'all';

/** A request that was answered, as far as the record is concerned. */
export interface AuditedCall {
  readonly info: RequestInfo;
  /** As it was sent, with its query. */
  readonly url: string;
  readonly sourceIp: string;
  readonly userAgent: string;
  /** Milliseconds since 1970. */
  readonly received: number;
  readonly finished: number;
  readonly code: number;
  /** Whom the credential stands for; absent when it was wrong. */
  readonly user?: Identity;
  /** Whom they acted as. */
  readonly impersonated?: Identity;
  /** Of an object that was created under a name which the path does not have. */
  readonly createdName?: string;
  readonly refusal?: ApiError;
}

/** Backup and restore: every Secret at once. */
const MAINTENANCE = '/nexus/v1/';
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/healthz']);
const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head', 'options']);
/** Written all the time, by programs. */
const QUIET: ReadonlySet<string> = new Set(['leases', 'events']);
/** Questions in the form of a create. */
const REVIEWS: ReadonlySet<string> = new Set(['authorization.k8s.io', 'authentication.k8s.io']);
const REFUSED: ReadonlySet<number> = new Set([401, 403, 429]);

export function isAudited(call: AuditedCall, scope: AuditScope): boolean {
  const { info, code, user } = call;
  if (scope === 'off' || PROBES.has(info.path)) return false;
  if (scope === 'all' || REFUSED.has(code)) return true;
  const { target } = info;
  if (!target) return !READS.has(info.verb) || info.path.startsWith(MAINTENANCE);
  if (target.group === '' && target.plural === 'secrets') return true;
  if (READS.has(info.verb) || QUIET.has(target.plural) || REVIEWS.has(target.group)) return false;
  return !(user && isSystem(user) && !call.impersonated && target.subresource === 'status');
}

/** Sentences of these never repeat what was sent as the content of an object. */
const TOLD: ReadonlySet<ApiReason> = new Set([
  'Unauthorized',
  'Forbidden',
  'NotFound',
  'AlreadyExists',
  'Conflict',
  'MethodNotAllowed',
  'TooManyRequests',
]);

/** An Event of audit.k8s.io/v1 at the level Metadata: who, what, when and the answer, never a body. */
export function auditEvent(call: AuditedCall): object {
  const { info, user, impersonated, refusal, code } = call;
  const stamp = (ms: number) => new Date(ms).toISOString().replace('Z', '000Z');
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: randomUUID(),
    stage: 'ResponseComplete',
    requestURI: withoutValues(call.url),
    verb: info.verb,
    user: user ? userInfo(user) : {},
    ...(impersonated && { impersonatedUser: userInfo(impersonated) }),
    sourceIPs: [call.sourceIp],
    ...(call.userAgent && { userAgent: call.userAgent.slice(0, 512) }),
    ...(info.target && { objectRef: objectRef(call) }),
    responseStatus: {
      metadata: {},
      ...(refusal && {
        status: 'Failure',
        ...(TOLD.has(refusal.reason) && { message: refusal.message }),
        reason: refusal.reason,
      }),
      code,
    },
    requestReceivedTimestamp: stamp(call.received),
    stageTimestamp: stamp(call.finished),
    annotations: { 'authorization.k8s.io/decision': code === 403 || code === 401 ? 'forbid' : 'allow' },
  };
}

const userInfo = ({ name, uid, groups, extra }: Identity) => ({
  username: name,
  ...(uid && { uid }),
  groups,
  ...(extra && { extra }),
});

function objectRef({ info, createdName, refusal }: AuditedCall) {
  const { group, version, plural, namespace, name, subresource } = info.target!;
  const isCreate = info.verb === 'create' && !name;
  const named = name || createdName || (isCreate ? refusal?.details?.name : undefined);
  return {
    resource: plural,
    ...(namespace && { namespace }),
    ...(named && { name: named }),
    ...(group && { apiGroup: group }),
    apiVersion: version,
    ...(subresource && { subresource }),
  };
}

/** Parameters of the API; any other may be a credential that somebody put there. */
const PARAMETERS: ReadonlySet<string> = new Set([
  'allowWatchBookmarks',
  'continue',
  'dryRun',
  'fieldManager',
  'fieldSelector',
  'fieldValidation',
  'force',
  'gracePeriodSeconds',
  'includeObject',
  'labelSelector',
  'limit',
  'orphanDependents',
  'pretty',
  'propagationPolicy',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeout',
  'timeoutSeconds',
  'watch',
]);
const MAX_URI_CHARS = 2048;

function withoutValues(url: string): string {
  const mark = url.indexOf('?');
  if (mark < 0) return url.slice(0, MAX_URI_CHARS);
  const query = url
    .slice(mark + 1)
    .split('&')
    .map(pair => {
      const [name = ''] = pair.split('=', 1);
      return PARAMETERS.has(name) || !pair.includes('=') ? pair : `${name}=REDACTED`;
    });
  return `${url.slice(0, mark)}?${query.join('&')}`.slice(0, MAX_URI_CHARS);
}
