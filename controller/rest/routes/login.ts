import { USER } from '../../../crds/kinds.ts';
import type { User } from '../../../crds/types.generated.ts';
import { timestamp } from '../../kit/clock.ts';
import { certificateFingerprint, LOGIN_NAMESPACE, loginMessage } from '../../kit/login-proof.ts';
import { signerOf } from '../../kit/ssh-signature.ts';
import { required } from '../callers.ts';
import type { LoginProof, Sessions } from '../login/sessions.ts';
import type { RestContext } from '../rest-context.ts';
import { RestError } from '../rest-error.ts';
import type { Call, Route } from '../route.ts';
import { body, FINGERPRINT, LOGIN, LOGIN_INFO, object, text } from '../schemas.ts';
import { keysOf } from '../views/user-view.ts';

const MAX_KEYS = 24;

function sessionsOf({ sessions }: RestContext): Sessions {
  if (sessions) return sessions;
  throw new RestError(
    'provider_not_available',
    'This server makes no tokens; log in as its Kubernetes asks for.',
  );
}

async function answer(call: Call, user: User, proof: LoginProof) {
  const { context, reply } = call;
  const { name, uid = '' } = user.metadata;
  if (user.spec.suspended) throw new RestError('forbidden', `User ${name} is suspended; ask an admin.`);
  const { token, expires } = await sessionsOf(context).create({ name, uid }, proof);
  context.log.info({ user: name, proof }, 'logged in');
  reply.code(201).header('cache-control', 'no-store');
  const expires_in = Math.round((expires - context.clock.now()) / 1000);
  return {
    token,
    expires_at: timestamp(expires),
    expires_in,
    user: name,
    namespace: user.status?.namespace ?? name,
  };
}

/** Whose key it is, where it is one user's alone. */
async function ownerOf({ client }: RestContext, fingerprints: readonly string[]) {
  const { items } = await client.list(USER);
  for (const fingerprint of fingerprints) {
    const owners = items.filter(user => keysOf(user).some(key => key.fingerprint === fingerprint));
    if (owners.length === 1) return { user: owners[0] as User, fingerprint };
  }
  return undefined;
}

async function byGitHub(call: Call) {
  const { caller, context } = call;
  if (!caller.github)
    throw new RestError(
      'invalid_request',
      'Log in with a GitHub token, or prove an SSH key: POST …/login/ssh.',
    );
  if (!caller.client)
    throw new RestError(
      'forbidden',
      `${caller.github.login} is not registered here; POST /api/v1/users/register, or ask an admin.`,
    );
  const user = await context.client.get(USER, { name: caller.name });
  return answer(call, user, `github:${caller.github.id}`);
}

async function challenge({ context, body: given }: Call) {
  const { fingerprints } = given as { fingerprints: string[] };
  const server = certificateFingerprint(sessionsOf(context).authority);
  const { challenge, expires } = context.challenges.issue();
  const owner = await ownerOf(context, fingerprints);
  return { challenge, server, expires_at: expires, fingerprint: owner?.fingerprint ?? null };
}

async function bySshKey(call: Call) {
  const { context, request } = call;
  const given = call.body as { challenge: string; signature: string };
  const { wrongLogins } = context;
  wrongLogins.check(request.ip);
  const server = certificateFingerprint(sessionsOf(context).authority);
  const signer = signerOf(given.signature, loginMessage(server, given.challenge), LOGIN_NAMESPACE);
  // Whoever has no key uses up nothing.
  if (!signer || !context.challenges.redeem(given.challenge)) {
    wrongLogins.failed(request.ip);
    throw required(
      context.github.authUrl,
      'The signature does not prove the key: it is for another server, was used, or is over; ask for a new challenge.',
    );
  }
  const owner = await ownerOf(context, [signer.fingerprint]);
  if (!owner) {
    wrongLogins.failed(request.ip);
    throw required(
      context.github.authUrl,
      `The key ${signer.fingerprint} is registered with nobody here; register it with \`nexus ssh setup\`, or ask an admin.`,
    );
  }
  return answer(call, owner.user, `ssh:${signer.fingerprint}`);
}

export const LOGIN_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    url: '/login/info',
    summary: 'How to log in here, and the authority to check this server with',
    tag: 'login',
    answers: { 200: LOGIN_INFO },
    isPublic: true,
    async handle({ context }) {
      const { authority } = sessionsOf(context);
      return {
        authority,
        authority_fingerprint: certificateFingerprint(authority),
        github_host: context.github.host,
        registration: context.registration,
      };
    },
  },
  {
    method: 'POST',
    url: '/login',
    summary: 'A short-lived token for who shows a GitHub token',
    tag: 'login',
    answers: { 201: LOGIN },
    handle: byGitHub,
  },
  {
    method: 'POST',
    url: '/login/challenge',
    summary: 'Something to sign with an SSH key, and which of these keys is known',
    tag: 'login',
    body: body({ fingerprints: { type: 'array', maxItems: MAX_KEYS, items: FINGERPRINT } }, ['fingerprints']),
    answers: {
      200: object({
        challenge: { ...text, description: 'Holds once, for a minute.' },
        server: { ...text, description: "SHA-256 of the server's authority." },
        expires_at: text,
        fingerprint: { type: ['string', 'null'], description: 'The first of the keys that is registered.' },
      }),
    },
    isPublic: true,
    handle: challenge,
  },
  {
    method: 'POST',
    url: '/login/ssh',
    summary: 'A short-lived token for who proves a registered SSH key',
    tag: 'login',
    body: body(
      {
        challenge: { type: 'string', maxLength: 256 },
        signature: {
          type: 'string',
          maxLength: 65_536,
          description: `Of "nexus login", "server SERVER", "challenge CHALLENGE", a line each: ssh-keygen -Y sign -n ${LOGIN_NAMESPACE}.`,
        },
      },
      ['challenge', 'signature'],
    ),
    answers: { 201: LOGIN },
    isPublic: true,
    handle: bySshKey,
  },
  {
    method: 'POST',
    url: '/logout',
    summary: 'Ends the token that is shown',
    tag: 'login',
    answers: { 204: { type: 'null', description: 'Gone.' } },
    async handle({ context, request, reply }) {
      const token = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
      if (!(await sessionsOf(context).revoke(token)))
        throw new RestError('invalid_request', 'This token is not of a login; it is left alone.');
      return reply.code(204).send();
    },
  },
];
