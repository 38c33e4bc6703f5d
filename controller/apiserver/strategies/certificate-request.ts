import type { CertificateCondition, CertificateSigningRequest } from '../../../crds/object.ts';
import type { Cause } from '../../kit/errors.ts';
import { jsonEqual } from '../../kit/json.ts';
import { certificateFault, loadX509, parseCertificateRequest } from '../certificate-request.ts';
import { duplicate, forbidden, invalid, notSupported, required } from '../schema/causes.ts';
import { PLAIN_STRATEGY, type Strategy, type WriteContext } from './strategy.ts';

const MIN_SECONDS = 600;
const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
] as const;
/** What a person decides; written by /approval alone. */
const DECISIONS = ['Approved', 'Denied'] as const;
const TRUE_ONLY: readonly string[] = [...DECISIONS, 'Failed'];
const STATUSES = ['False', 'True', 'Unknown'];
const SIGNER =
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+\/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;

/** Who asks is what the server knows of them. The request cannot be changed: only decided on, and signed. */
export const certificateRequestStrategy: Strategy = {
  ...PLAIN_STRATEGY,
  names: 'path-segment',
  hasApproval: true,
  resetFields: ['spec'],
  load: loadX509,
  prepareForCreate(object, { user }) {
    const request = object as CertificateSigningRequest;
    const { username: _n, uid: _u, groups: _g, extra: _e, ...spec } = request.spec ?? {};
    const { name, uid, groups, extra } = user;
    request.spec = {
      ...(spec as CertificateSigningRequest['spec']),
      username: name,
      ...(uid && { uid }),
      groups: [...groups],
      ...(extra && {
        extra: Object.fromEntries(Object.entries(extra).map(([key, all]) => [key, [...all]])),
      }),
    };
    request.status = {};
  },
  prepareForUpdate(object, old) {
    (object as CertificateSigningRequest).spec = (old as CertificateSigningRequest).spec;
  },
  prepareStatus: (object, old, write) =>
    prepareStatus(object as CertificateSigningRequest, old as CertificateSigningRequest, write),
  validate(object, old, subresource) {
    const next = object as CertificateSigningRequest;
    const causes = [...(old ? [] : specCauses(next)), ...statusCauses(next)];
    return old ? [...causes, ...changeCauses(next, old as CertificateSigningRequest, subresource)] : causes;
  },
};

function prepareStatus(
  next: CertificateSigningRequest,
  old: CertificateSigningRequest,
  { subresource, time }: WriteContext,
): void {
  const before = old.status?.conditions ?? [];
  const conditions = (next.status?.conditions ?? []).map(condition => {
    const known = before.find(({ type }) => type === condition.type);
    if (subresource === 'status' && known && isDecision(known)) return known;
    const since = known?.status === condition.status ? known.lastTransitionTime : undefined;
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? time,
      lastTransitionTime: condition.lastTransitionTime ?? since ?? time,
    };
  });
  const { conditions: _, ...rest } = (subresource === 'approval' ? old.status : next.status) ?? {};
  next.status = { ...rest, ...(conditions.length > 0 && { conditions }) };
}

const isDecision = ({ type }: CertificateCondition) => (DECISIONS as readonly string[]).includes(type);

function specCauses({ spec }: CertificateSigningRequest): Cause[] {
  const { request, usages = [], signerName, expirationSeconds } = spec;
  const causes: Cause[] = [];
  try {
    parseCertificateRequest(Buffer.from(request, 'base64').toString());
  } catch (error) {
    causes.push(invalid('spec.request', request, (error as Error).message));
  }
  if (usages.length === 0) causes.push(required('spec.usages'));
  usages.forEach((usage, i) => {
    const field = `spec.usages[${i}]`;
    if (!(USAGES as readonly string[]).includes(usage)) causes.push(notSupported(field, usage, USAGES));
    if (usages.indexOf(usage) < i) causes.push(duplicate(field, usage));
  });
  if (signerName === '') causes.push(required('spec.signerName'));
  else if (!SIGNER.test(signerName))
    causes.push(
      invalid(
        'spec.signerName',
        signerName,
        "must be a fully qualified domain and path of the form 'example.com/signer-name'",
      ),
    );
  if (expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS)
    causes.push(
      invalid(
        'spec.expirationSeconds',
        expirationSeconds,
        `may not specify a duration less than ${MIN_SECONDS} seconds (10 minutes)`,
      ),
    );
  return causes;
}

function statusCauses({ status = {} }: CertificateSigningRequest): Cause[] {
  const { conditions = [], certificate = '' } = status;
  const causes: Cause[] = [];
  conditions.forEach(({ type, status: value }, i) => {
    const field = `status.conditions[${i}]`;
    const allowed = TRUE_ONLY.includes(type) ? ['True'] : STATUSES;
    if (type === '') causes.push(required(`${field}.type`));
    if (!allowed.includes(value)) causes.push(notSupported(`${field}.status`, value, allowed));
  });
  const decisions = conditions.filter(isDecision);
  if (decisions.length > 1)
    causes.push(
      invalid(
        'status.conditions',
        decisions[1]!.type,
        'Approved and Denied conditions are mutually exclusive',
      ),
    );
  const fault = certificateFault(Buffer.from(certificate, 'base64').toString());
  if (fault) causes.push(invalid('status.certificate', '<certificate data>', fault));
  return causes;
}

function changeCauses(
  next: CertificateSigningRequest,
  old: CertificateSigningRequest,
  subresource = '',
): Cause[] {
  const causes: Cause[] = [];
  const of = ({ status }: CertificateSigningRequest, wanted: string) =>
    status?.conditions?.find(({ type }) => type === wanted);
  const refuse = (verb: string, type: string) =>
    causes.push(
      forbidden('status.conditions', `updates may not ${verb} a condition of type ${JSON.stringify(type)}`),
    );
  for (const type of TRUE_ONLY) if (of(old, type) && !of(next, type)) refuse('remove', type);
  if (subresource !== 'approval')
    for (const type of DECISIONS) {
      const [before, after] = [of(old, type), of(next, type)];
      if (after && !before) refuse('add', type);
      else if (after && !jsonEqual(before, after)) refuse('modify', type);
    }
  const [before = '', after = ''] = [old.status?.certificate, next.status?.certificate];
  if (before === after) return causes;
  if (subresource !== 'status')
    causes.push(forbidden('status.certificate', 'updates may not set certificate content'));
  else if (before !== '')
    causes.push(forbidden('status.certificate', 'updates may not modify existing certificate content'));
  return causes;
}
