import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Milliseconds } from '../kit/clock.ts';
import { loadX509, parseCertificateRequest } from './certificate-request.ts';

cryptoProvider.set(webcrypto);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 20 * 365;
/** Clients refuse longer ones. */
const SERVER_DAYS = 397;
/** Clocks of clients may be behind. */
const BACKDATE_MS = 3_600_000;
/** The same of what is asked for by somebody who waits for it: as in Kubernetes. */
const REQUEST_BACKDATE_MS = 300_000;

const CLIENT_EXTENSIONS = [
  new BasicConstraintsExtension(false, undefined, true),
  new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
  new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
];

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A new certificate authority, good for twenty years. */
export async function createAuthority(now: Milliseconds, name: string): Promise<KeyPair> {
  const keys = await generateKeys();
  const cert = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(now, CA_DAYS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: cert.toString('pem'), key: await exportKey(keys.privateKey) };
}

/** A server's certificate for `hosts`, names and addresses, signed by the authority. Good for 397 days. */
export async function createServerCertificate(
  authority: KeyPair,
  hosts: readonly string[],
  now: Milliseconds,
): Promise<KeyPair> {
  const keys = await generateKeys();
  const issuer = new X509Certificate(authority.cert);
  const cert = await X509CertificateGenerator.create({
    subject: 'CN=nexus',
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: ALGORITHM,
    ...validity(now, SERVER_DAYS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        hosts.map(value => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { cert: cert.toString('pem'), key: await exportKey(keys.privateKey) };
}

export interface ClientSubject {
  readonly user: string;
  readonly groups: readonly string[];
  readonly ttlMs: Milliseconds;
}

/** A certificate that its holder is known by: CN is the user, each O a group, as in Kubernetes. Throws Error for a name that cannot be written so. */
export async function createClientCertificate(
  authority: KeyPair,
  { user, groups, ttlMs }: ClientSubject,
  now: Milliseconds,
): Promise<KeyPair> {
  const odd = [user, ...groups].find(name => name === '' || /^#|\\/.test(name));
  if (odd !== undefined)
    throw new Error(
      `${JSON.stringify(odd)} cannot be a name in a certificate: it is empty, begins with # or has a \\`,
    );
  const keys = await generateKeys();
  const issuer = new X509Certificate(authority.cert);
  const cert = await X509CertificateGenerator.create({
    subject: [...groups.map(group => ({ O: [group] })), { CN: [user] }],
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + ttlMs),
    extensions: [...CLIENT_EXTENSIONS, await AuthorityKeyIdentifierExtension.create(issuer.publicKey)],
  });
  return { cert: cert.toString('pem'), key: await exportKey(keys.privateKey) };
}

/**
 * The certificate that a PKCS#10 request in PEM asks for, for a client and for nothing else: its subject and its key, and
 * none of its extensions. Ends with the authority at the latest. Throws Error for a request that does not hold.
 */
export async function signClientRequest(
  authority: KeyPair,
  request: string,
  ttlMs: Milliseconds,
  now: Milliseconds,
): Promise<string> {
  await loadX509();
  const { subjectName, publicKey } = parseCertificateRequest(request);
  const issuer = new X509Certificate(authority.cert);
  const cert = await X509CertificateGenerator.create({
    subject: subjectName,
    issuer: issuer.subject,
    publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - REQUEST_BACKDATE_MS),
    notAfter: new Date(Math.min(now + ttlMs, issuer.notAfter.getTime())),
    extensions: [...CLIENT_EXTENSIONS, await AuthorityKeyIdentifierExtension.create(issuer.publicKey)],
  });
  return cert.toString('pem');
}

const validity = (now: Milliseconds, days: number) => ({
  notBefore: new Date(now - BACKDATE_MS),
  notAfter: new Date(now + days * DAY_MS),
});

const generateKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
