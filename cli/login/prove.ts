import { certificateFingerprint, LOGIN_NAMESPACE, loginMessage } from '../../controller/kit/login-proof.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { openGitHub } from '../github/access.ts';
import { findKeys, type PersonKey, signWith } from '../ssh/person-keys.ts';
import { callRest, RestRefusal, type ServerAddress } from './rest.ts';

/** How somebody logs in, and does again when the token is over. */
export type Proof = { kind: 'ssh'; fingerprint: string } | { kind: 'github'; host: string };

/** What a login gives. */
export interface LoginAnswer {
  token: string;
  /** Seconds. */
  expires_in: number;
  user: string;
  namespace: string;
}

type Authority = ServerAddress & { ca: string };

interface Challenge {
  challenge: string;
  server: string;
  fingerprint: string | null;
}

const MAX_KEYS = 24;

/** Proves one of the keys that the server knows; undefined where it knows none of them. Throws CliError. */
export async function proveKey(
  to: Authority,
  keys: readonly PersonKey[],
  context: CommandContext,
): Promise<{ answer: LoginAnswer; proof: Proof } | undefined> {
  const fingerprints = keys.slice(0, MAX_KEYS).map(({ fingerprint }) => fingerprint);
  const { body } = await callRest<Challenge>(context, to, {
    method: 'POST',
    path: '/login/challenge',
    body: { fingerprints },
  });
  const key = keys.find(({ fingerprint }) => fingerprint === body.fingerprint);
  if (!key) return undefined;
  // What is signed holds for the server that we know, and for no other that passes its challenges on.
  const server = certificateFingerprint(to.ca);
  if (body.server !== server)
    throw new CliError(
      `${to.server} asks for a signature for another server than its certificate shows; nothing was signed`,
      {
        exitCode: EXIT.noAccess,
        next: 'where a proxy of yours ends its TLS: --with github; or let that pass TLS through (docs/access.md)',
      },
    );
  const message = loginMessage(server, body.challenge);
  const signature = await signWith(key, { message, namespace: LOGIN_NAMESPACE }, context);
  const { body: answer } = await callRest<LoginAnswer>(context, to, {
    method: 'POST',
    path: '/login/ssh',
    body: { challenge: body.challenge, signature },
  });
  return { answer, proof: { kind: 'ssh', fingerprint: key.fingerprint } };
}

/** Shows the token of GitHub. Throws CliError. */
export async function proveGitHub(
  to: Authority,
  host: string,
  context: CommandContext,
): Promise<{ answer: LoginAnswer; proof: Proof }> {
  const { token } = await openGitHub(context, host);
  const { body: answer } = await callRest<LoginAnswer>(context, to, {
    method: 'POST',
    path: '/login',
    token,
  });
  return { answer, proof: { kind: 'github', host } };
}

/** The same way as before. Throws CliError. */
export async function proveAgain(to: Authority, proof: Proof, context: CommandContext): Promise<LoginAnswer> {
  if (proof.kind === 'github') return (await proveGitHub(to, proof.host, context)).answer;
  const keys = (await findKeys(context)).filter(({ fingerprint }) => fingerprint === proof.fingerprint);
  if (keys.length === 0)
    throw new CliError(`the key ${proof.fingerprint} is neither in ~/.ssh nor in ssh-agent any more`, {
      exitCode: EXIT.noAccess,
      next: 'ssh-add it',
    });
  const found = await proveKey(to, keys, context);
  if (found) return found.answer;
  throw new RestRefusal('auth_required', `the key ${proof.fingerprint} is not registered any more`, {
    exitCode: EXIT.noAccess,
  });
}
