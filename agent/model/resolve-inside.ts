import { secretHash } from '../../controller/kit/secret-hash.ts';
import { publicKeyOf } from '../../controller/kit/ssh-key-file.ts';
import type { PlacementEnv } from '../../crds/kinds.ts';
import {
  SECRET_GIT_PASSWORD,
  SECRET_GIT_SSH_KEY,
  SECRET_GIT_USERNAME,
  SECRET_HOST_KEY,
} from '../../crds/names.ts';
import type { Secret } from '../../crds/object.ts';
import type { PlacementSpec } from '../../crds/types.generated.ts';
import { type GivenCredentials, splitLogin } from '../guest/git-login.ts';
import type { GuestConfig, GuestDesired } from '../guest/guest.ts';
import { GUEST_ENV_PATH, GUEST_GIT_KEY_PATH, GUEST_GIT_LOGIN_PATH } from '../guest/program.ts';
import { aboutWorkspace } from './about-workspace.ts';
import type { Desired, Inside } from './desired.ts';
import type { NodeFacts } from './node-facts.ts';

/** A value of the placement's Secret. Undefined: it is not there. */
type Read = (key: string) => string | undefined;

/** What is known of a placement's Secret. */
export interface SecretValues {
  read: Read;
  /** Why nothing can be made of it. */
  missing?: Desired['insideMissing'];
  /** There is the host key that the node kept, and nothing else: why, for people. */
  keptOnly?: string;
}

/** `hostKey` is the one that the node kept: it serves as long as there is no Secret at all. */
export function secretValues(
  spec: PlacementSpec,
  secret: Secret | undefined,
  hostKey: string | undefined,
): SecretValues {
  const name = spec.secretName ?? '';
  if (!secret) {
    const message = `the Secret ${name} is not on the node yet`;
    if (hostKey === undefined) return { read: () => undefined, missing: { message, isPending: true } };
    return { read: key => (key === SECRET_HOST_KEY ? hostKey : undefined), keptOnly: message };
  }
  const read: Read = key => {
    const value = secret.data?.[key];
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
  };
  if (spec.secretHash !== undefined && secretHash(secret.data) !== spec.secretHash)
    return {
      read,
      missing: {
        message: `the Secret ${name} is not yet the one that this placement speaks of`,
        isPending: true,
      },
    };
  const keys = [
    SECRET_HOST_KEY,
    ...[...(spec.env ?? []), ...(spec.services ?? []).flatMap(service => service.env ?? [])].flatMap(
      ({ secretKey }) => (secretKey === undefined ? [] : [secretKey]),
    ),
  ];
  const absent = keys.find(key => secret.data?.[key] === undefined);
  return absent === undefined
    ? { read }
    : { read, missing: { message: `the Secret ${name} has no key ${absent}`, isPending: false } };
}

/** A sentence when the Secret holds no usable host key. */
export function insideOf(
  spec: PlacementSpec,
  { read, keptOnly }: SecretValues,
  facts: NodeFacts,
): Inside | string {
  const hostKey = read(SECRET_HOST_KEY) ?? '';
  let hostPublicKey: string;
  try {
    hostPublicKey = publicKeyOf(hostKey);
  } catch {
    return `${SECRET_HOST_KEY} in the Secret ${spec.secretName} is not an OpenSSH private key`;
  }
  const desired = guestDesired(spec, read, facts);
  const login = spec.repo && splitLogin(spec.repo.url, givenCredentials(spec, read)).login;
  const config = facts.render({ ...desired, ...(login && { git: login }) });
  const inside = { config, hostKey, hostPublicKey };
  return keptOnly === undefined ? inside : withheld(spec, inside, keptOnly);
}

/**
 * Without what the Secret would have to say: it is left as it is where it was handed over before, and is not started
 * where it was not.
 */
function withheld(spec: PlacementSpec, inside: Inside, message: string): Inside {
  const isSecret = (env: PlacementEnv[] = []) => env.some(({ secretKey }) => secretKey !== undefined);
  const env = isSecret(spec.env);
  const git = spec.repo?.credentials === true;
  const services = (spec.services ?? []).filter(one => env || isSecret(one.env)).map(({ name }) => name);
  const { config } = inside;
  const unknown = new Set([
    ...(env ? [GUEST_ENV_PATH] : []),
    ...(git ? [GUEST_GIT_LOGIN_PATH, GUEST_GIT_KEY_PATH] : []),
  ]);
  const known: GuestConfig = {
    ...config,
    runtime: config.runtime.filter(({ path }) => !unknown.has(path)),
    services: Object.fromEntries(
      Object.entries(config.services).filter(([name]) => !services.includes(name)),
    ),
  };
  return {
    ...inside,
    config: known,
    withheld: { message, env, git, services },
    atStart: config.runtime.filter(({ path }) => unknown.has(path)),
  };
}

/** Variables whose value is not known are left out. */
export function guestDesired(spec: PlacementSpec, read: Read, facts: NodeFacts): GuestDesired {
  const env = (list: PlacementEnv[] = []) =>
    Object.fromEntries(
      list.flatMap(({ name, value, secretKey }) => {
        const known = secretKey === undefined ? (value ?? '') : read(secretKey);
        return known === undefined ? [] : [[name, known]];
      }),
    );
  return {
    user: spec.ssh.user,
    authorizedKeys: spec.ssh.authorizedKeys ?? [],
    ...(facts.agentKey !== undefined && { agentKey: facts.agentKey }),
    hostKey: read(SECRET_HOST_KEY) ?? '',
    env: env(spec.env),
    about: aboutWorkspace(spec),
    services: (spec.services ?? []).map(({ name, command, workingDir, env: own }) => ({
      name,
      command,
      ...(workingDir !== undefined && { workingDir }),
      env: env(own),
    })),
  };
}

/** Of a repository that asks for none: nothing. */
export function givenCredentials({ repo }: PlacementSpec, read: Read): GivenCredentials {
  if (!repo?.credentials) return {};
  const username = read(SECRET_GIT_USERNAME);
  const password = read(SECRET_GIT_PASSWORD);
  const sshKey = read(SECRET_GIT_SSH_KEY);
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(sshKey !== undefined && { sshKey }),
  };
}
