import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export interface TestCertificates {
  /** PEM of the authority. */
  ca: string;
  server: { cert: string; key: string };
  client: { cert: string; key: string };
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const crypto = webcrypto;

/**
 * An authority of one test, a server's certificate for 127.0.0.1, localhost and what else it is called, and a client's
 * for `user`.
 */
export async function makeCertificates(
  user = 'tester',
  { names = [], addresses = [] }: { names?: string[]; addresses?: string[] } = {},
): Promise<TestCertificates> {
  const day = 86_400_000;
  const dates = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day) };
  const pair = () =>
    crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
  const caKeys = await pair();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...dates,
    name: 'CN=test authority',
    keys: caKeys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const issue = async (subject: string, extensions: x509.Extension[]) => {
    const keys = await pair();
    const cert = await x509.X509CertificateGenerator.create({
      ...dates,
      subject,
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: algorithm,
      extensions,
    });
    const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const key = `-----BEGIN PRIVATE KEY-----\n${der.match(/.{1,64}/g)?.join('\n')}\n-----END PRIVATE KEY-----\n`;
    return { cert: cert.toString('pem'), key };
  };
  const called = new x509.SubjectAlternativeNameExtension([
    ...['127.0.0.1', ...addresses].map(value => ({ type: 'ip' as const, value })),
    ...['localhost', ...names].map(value => ({ type: 'dns' as const, value })),
  ]);
  return {
    ca: ca.toString('pem'),
    server: await issue('CN=test server', [called]),
    client: await issue(`CN=${user}`, []),
  };
}
