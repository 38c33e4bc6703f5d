import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { cryptoProvider, PemConverter, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';

cryptoProvider.set(webcrypto);

export const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A PKCS#10 request and the private key it was made with, both PEM. */
export async function newCertificateRequest(
  user: string,
  groups: string[] = [],
  algorithm: object & { name: string } = P256,
): Promise<{ request: string; key: string }> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [...groups.map(group => ({ O: [group] })), { CN: [user] }],
    keys,
    signingAlgorithm: algorithm,
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { request: request.toString('pem'), key: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}
