import { constants, createPublicKey, verify } from 'node:crypto';
import type { Pkcs10CertificateRequest } from '@peculiar/x509';

const BLOCK = /-----BEGIN ([^-]+)-----([\s\S]*?)-----END \1-----/;
const CERTIFICATE = 'CERTIFICATE';
const BASE64 = /^[\sA-Za-z0-9+/=]*$/;

let x509: typeof import('./x509.ts') | undefined;

/** Before the first request is read; a start of the server is a twentieth shorter without it. */
export async function loadX509(): Promise<void> {
  x509 ??= await import('./x509.ts');
}

/** A PKCS#10 request from PEM, signed with the key that it is for. Throws Error with what is wrong. */
export function parseCertificateRequest(pem: string): Pkcs10CertificateRequest {
  if (!x509) throw new Error('loadX509() comes first');
  const [, label, base64 = ''] = BLOCK.exec(pem) ?? [];
  if (label !== 'CERTIFICATE REQUEST' || !BASE64.test(base64))
    throw new Error('PEM block type must be CERTIFICATE REQUEST');
  const der = Buffer.from(base64, 'base64');
  const request = new x509.Pkcs10CertificateRequest(der);
  if (!isSelfSigned(request, der)) throw new Error('the signature does not fit the request');
  return request;
}

/** Throws Error when the key or the algorithm is none that is known. */
function isSelfSigned(request: Pkcs10CertificateRequest, der: Buffer): boolean {
  const { name, hash } = request.signatureAlgorithm as { name: string; hash?: { name: string } };
  const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
  const padding =
    name === 'RSA-PSS'
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
      : {};
  return verify(
    hash?.name.replace('-', ''),
    firstOf(der),
    { key, ...padding },
    Buffer.from(request.signature),
  );
}

/** The first element of a DER sequence, with its header: what the signature is over. */
function firstOf(der: Buffer): Buffer {
  const from = contentOf(der, 0).from;
  return der.subarray(from, contentOf(der, from).to);
}

/** Where the content of the element at `at` begins and ends. */
function contentOf(der: Buffer, at: number): { from: number; to: number } {
  const short = der.readUInt8(at + 1);
  if (short < 0x80) return { from: at + 2, to: at + 2 + short };
  const bytes = short & 0x7f;
  const from = at + 2 + bytes;
  return { from, to: from + der.readUIntBE(at + 2, bytes) };
}

/** Why `pem` holds no certificates alone; undefined when it does, or is empty. */
export function certificateFault(pem: string): string | undefined {
  if (pem === '') return undefined;
  const labels = [...pem.matchAll(new RegExp(BLOCK, 'g'))].map(([, label]) => label);
  const other = labels.find(label => label !== CERTIFICATE);
  if (other !== undefined) return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(other)}`;
  return labels.length > 0 ? undefined : 'must contain at least one CERTIFICATE PEM block';
}

/** Every O of the subject: the groups of whom the certificate will stand for. */
export function organizationsOf(request: Pkcs10CertificateRequest): string[] {
  return request.subjectName.getField('O');
}
