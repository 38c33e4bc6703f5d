import { CERTIFICATE_SIGNING_REQUEST } from '../../../crds/kinds.ts';
import type { CertificateCondition, CertificateSigningRequest } from '../../../crds/object.ts';
import type { Client } from '../../client/client.ts';
import { type Clock, type Milliseconds, timestamp } from '../../kit/clock.ts';
import { isApiError } from '../../kit/errors.ts';
import { patchStatusIfChanged } from '../../runtime/patch-status.ts';
import { done, type Informer, type Reconciler } from '../../runtime/reconciler.ts';
import { FIELD_MANAGER, type SignRequest } from '../deps.ts';

export interface CertificateRequestsOptions {
  client: Client;
  clock: Clock;
  requests: Informer<CertificateSigningRequest>;
  sign: SignRequest;
  /** Longest lifetime of a certificate, and that of one that asks for none. */
  maxTtlMs: Milliseconds;
}

const SIGNER = 'kubernetes.io/kube-apiserver-client';
const CLIENT_AUTH = 'client auth';
const USAGES: ReadonlySet<string> = new Set([CLIENT_AUTH, 'digital signature', 'key encipherment']);
const HOUR_MS: Milliseconds = 3_600_000;
/** How long what nobody decides on is kept. */
const PENDING_MS: Milliseconds = 24 * HOUR_MS;

/** Signs what was approved for clients of this API, and forgets requests: an hour after they came to something, else after a day. */
export function createCertificateRequests(options: CertificateRequestsOptions): Reconciler {
  const { client, clock, requests } = options;
  return {
    name: 'certificate-requests',
    async reconcile(key, { signal }) {
      const request = requests.get(key.name);
      if (!request) return done;
      const leftMs = (endOf(request) ?? Number.POSITIVE_INFINITY) - clock.now();
      if (leftMs <= 0) {
        const { uid, resourceVersion } = request.metadata;
        const preconditions = { uid, resourceVersion };
        await client.delete(CERTIFICATE_SIGNING_REQUEST, key, { preconditions, signal }).catch(error => {
          if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
        });
        return done;
      }
      if (isToBeSigned(request)) {
        const status = { ...request.status, ...(await decide(options, request)) };
        const write = { fieldManager: FIELD_MANAGER, signal };
        await patchStatusIfChanged(client, CERTIFICATE_SIGNING_REQUEST, request, status, write);
        return done;
      }
      return Number.isFinite(leftMs) ? { kind: 'requeueAfter', ms: leftMs } : done;
    },
  };
}

const conditionOf = ({ status }: CertificateSigningRequest, wanted: string) =>
  status?.conditions?.find(({ type }) => type === wanted);

function isToBeSigned(request: CertificateSigningRequest): boolean {
  return (
    request.spec.signerName === SIGNER &&
    conditionOf(request, 'Approved') !== undefined &&
    conditionOf(request, 'Failed') === undefined &&
    !request.status?.certificate
  );
}

/** The certificate, or the condition that says why there is none. */
async function decide(
  { clock, sign, maxTtlMs }: CertificateRequestsOptions,
  { spec, status }: CertificateSigningRequest,
): Promise<NonNullable<CertificateSigningRequest['status']>> {
  const { expirationSeconds, usages, request } = spec;
  const ttlMs = Math.min(maxTtlMs, (expirationSeconds ?? Number.POSITIVE_INFINITY) * 1000);
  try {
    checkUsages(usages);
    const certificate = await sign(Buffer.from(request, 'base64').toString(), ttlMs);
    return { certificate: Buffer.from(certificate).toString('base64') };
  } catch (error) {
    const failed: CertificateCondition = {
      type: 'Failed',
      status: 'True',
      reason: 'SignerValidationFailure',
      message: (error as Error).message,
      lastUpdateTime: timestamp(clock.now()),
    };
    return { conditions: [...(status?.conditions ?? []), failed] };
  }
}

function checkUsages(usages: readonly string[]): void {
  const odd = usages.find(usage => !USAGES.has(usage));
  if (odd !== undefined) throw new Error(`invalid usage for client certificate: ${odd}`);
  if (!usages.includes(CLIENT_AUTH))
    throw new Error(`missing required usage for client certificate: ${CLIENT_AUTH}`);
}

/** When a request is forgotten; undefined while it waits for a signer of somebody else's. */
function endOf(request: CertificateSigningRequest): Milliseconds | undefined {
  const { metadata, status } = request;
  const hourAfter = (condition: CertificateCondition | undefined) =>
    condition && Date.parse(condition.lastUpdateTime ?? metadata.creationTimestamp ?? '') + HOUR_MS;
  const over = hourAfter(conditionOf(request, 'Denied')) ?? hourAfter(conditionOf(request, 'Failed'));
  if (over !== undefined) return over;
  if (status?.certificate) return hourAfter(conditionOf(request, 'Approved'));
  return status?.conditions?.length ? undefined : Date.parse(metadata.creationTimestamp ?? '') + PENDING_MS;
}
