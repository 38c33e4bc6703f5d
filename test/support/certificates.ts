import { webcrypto } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Extension } from '@peculiar/x509';
import { sha256 } from '../../controller/kit/hash.ts';
import { keptFolder } from './kept.ts';

export interface TestCertificates {
  /** PEM of the authority. */
  ca: string;
  server: { cert: string; key: string };
  client: { cert: string; key: string };
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const crypto = webcrypto;
const FILE = 'certificates.json';

interface Called {
  names?: string[];
  addresses?: string[];
}

/**
 * An authority of tests, a server's certificate for 127.0.0.1, localhost and what else it is called, and a client's
 * for `user`. The same for all who ask for the same.
 */
export async function makeCertificates(user = 'tester', called: Called = {}): Promise<TestCertificates> {
  const name = `certificates-${sha256(JSON.stringify([user, called])).slice(0, 12)}`;
  const folder = await keptFolder(name, async folder => {
    await writeFile(join(folder, FILE), JSON.stringify(await issueAll(user, called)), { mode: 0o600 });
  });
  return JSON.parse(await readFile(join(folder, FILE), 'utf8'));
}

async function issueAll(user: string, { names = [], addresses = [] }: Called): Promise<TestCertificates> {
  // Of no use to those who find all there already, and slow to load.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const day = 86_400_000;
  const dates = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 40 * day) };
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
  const issue = async (subject: string, extensions: Extension[]) => {
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
