import type { JsonSchema } from '../schema/json-schema.ts';
import { int32, kind, list, map, object, string, time, values } from './fields.ts';

const condition = object(
  'One aspect of the request.',
  {
    type: string('Approved, Denied or Failed; signers may have others.'),
    status: string('True, False or Unknown. Approved, Denied and Failed are True or absent.'),
    reason: string('CamelCase reason of the condition.'),
    message: string('The reason in a sentence.'),
    lastUpdateTime: { ...time('When the condition was last written.'), nullable: true },
    lastTransitionTime: { ...time('When the status last changed.'), nullable: true },
  },
  ['type', 'status'],
);

export const CERTIFICATE_SIGNING_REQUEST_SCHEMA: JsonSchema = kind(
  'CertificateSigningRequest asks for a certificate. Somebody approves or denies it; once it is approved, its signer puts the certificate into its status. It is removed an hour after that, a day after nobody did anything.',
  {
    spec: object(
      'What is asked for, and who asks. Cannot be changed.',
      {
        request: {
          ...string('The PKCS#10 request in PEM, in base64.'),
          format: 'byte',
        },
        signerName: string(
          'Who should sign. kubernetes.io/kube-apiserver-client gives certificates that this server knows its users by: CN is the user, each O a group.',
        ),
        expirationSeconds: int32(
          'How long the certificate should hold, at least 600. The signer may give one that ends earlier.',
        ),
        usages: list(
          'What the certificate should be good for: client auth, and beside it digital signature and key encipherment.',
          string('A usage of a key.'),
        ),
        username: string('Who asks. Set by the server.'),
        uid: string('Their uid. Set by the server.'),
        groups: list('Their groups. Set by the server.', string('A group.')),
        extra: values('What else is known of them. Set by the server.', {
          type: 'array',
          items: { type: 'string' },
        }),
      },
      ['request', 'signerName'],
    ),
    status: object('What became of it.', {
      conditions: map('Whether it was approved, denied, or failed.', condition, ['type']),
      certificate: {
        ...string('The certificate in PEM, in base64. Cannot be changed once it is there.'),
        format: 'byte',
      },
    }),
  },
  ['spec'],
);
