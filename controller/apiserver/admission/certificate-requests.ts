import { CERTIFICATE_SIGNING_REQUEST } from '../../../crds/kinds.ts';
import type { CertificateSigningRequest } from '../../../crds/object.ts';
import { jsonEqual } from '../../kit/json.ts';
import type { Authorizer } from '../auth/authorizer.ts';
import { GROUP_MASTERS } from '../auth/identity.ts';
import { organizationsOf, parseCertificateRequest } from '../certificate-request.ts';
import { forbidden } from '../refusals.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

/** Signs certificates that the API knows its users by. */
const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';

/**
 * Who approves and who signs needs the right to for the signer (verbs `approve` and `sign` on `signers`), beside that to
 * write the request; and nobody gets into system:masters by a request. To the letter of Kubernetes.
 */
export function certificateRequestAdmission(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateRequests',
    admit(request) {
      const { operation, served, subresource } = request;
      const { group, plural } = served.resource;
      if (group !== CERTIFICATE_SIGNING_REQUEST.group || plural !== CERTIFICATE_SIGNING_REQUEST.plural)
        return undefined;
      const object = request.object as CertificateSigningRequest | undefined;
      const old = request.old as CertificateSigningRequest | undefined;
      if (operation === 'CREATE' && object) restrictSubject(request, object);
      if (operation !== 'UPDATE' || !old) return undefined;
      if (subresource === 'approval') confirm(authorizer, request, 'approve', old);
      if (subresource === 'status' && object && isSigned(object, old))
        confirm(authorizer, request, 'sign', old);
      return undefined;
    },
  };
}

function restrictSubject({ served, name }: AdmissionRequest, { spec }: CertificateSigningRequest): void {
  if (spec.signerName !== CLIENT_SIGNER) return;
  const request = parseCertificateRequest(Buffer.from(spec.request, 'base64').toString());
  if (organizationsOf(request).includes(GROUP_MASTERS))
    throw forbidden(
      served.resource,
      name,
      `use of ${CLIENT_SIGNER} signer with ${GROUP_MASTERS} group is not allowed`,
    );
}

const isSigned = (next: CertificateSigningRequest, old: CertificateSigningRequest) =>
  next.status?.certificate !== old.status?.certificate ||
  !jsonEqual(next.status?.conditions, old.status?.conditions);

/** Throws Forbidden. A right for `domain/*` is one for every signer of the domain. */
function confirm(
  authorizer: Authorizer,
  { served, name, user }: AdmissionRequest,
  verb: 'approve' | 'sign',
  { spec: { signerName } }: CertificateSigningRequest,
): void {
  const { group } = CERTIFICATE_SIGNING_REQUEST;
  const may = (signer: string) =>
    authorizer.authorize({ user, verb, group, resource: 'signers', name: signer }).allowed;
  if (may(signerName) || may(`${signerName.split('/')[0]}/*`)) return;
  throw forbidden(
    served.resource,
    name,
    `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`,
  );
}
