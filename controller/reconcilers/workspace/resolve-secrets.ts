import type { PlacementEnv, WorkspaceEnv } from '../../../crds/kinds.ts';
import {
  SECRET_GIT_PASSWORD,
  SECRET_GIT_SSH_KEY,
  SECRET_GIT_USERNAME,
  SECRET_IMAGE_LOGIN,
} from '../../../crds/names.ts';
import type { Secret } from '../../../crds/object.ts';
import type { WorkspaceSpec } from '../../../crds/types.generated.ts';
import { findRegistryLogin } from '../../kit/registry-login.ts';
import type { Problem } from './requests.ts';

/** Login that hosts take together with a token; those that ignore it ignore this one too. */
const TOKEN_USERNAME = 'x-access-token';
const DOCKER_CONFIG_KEY = '.dockerconfigjson';

export interface ResolvedSecrets {
  /** Entries of the placement's Secret, in base64: Git credentials, the image's login and `env.<n>`. */
  data: Record<string, string>;
  /** The workspace's environment. */
  env: PlacementEnv[];
  /** By service. */
  serviceEnv: Map<string, PlacementEnv[]>;
  /** Whether there are credentials for the repository. */
  credentials: boolean;
  /** Whether there is a login for the image's registry. */
  imageLogin: boolean;
}

/**
 * Reads what the spec refers to. `get` gives a Secret of the workspace's namespace by name. An optional variable whose
 * Secret or key is missing is left out; anything else that is missing is a problem. `defaultImage` is that of a spec
 * that names none.
 */
export function resolveSecrets(
  spec: WorkspaceSpec,
  get: (name: string) => Secret | undefined,
  defaultImage: string,
): ResolvedSecrets | { problem: Problem } {
  const data: Record<string, string> = {};
  const problems: Problem[] = [];
  let counter = 0;
  const resolveEnv = (entries: readonly WorkspaceEnv[] = []): PlacementEnv[] =>
    entries.flatMap(({ name, value, valueFrom }): PlacementEnv[] => {
      if (!valueFrom) return [{ name, value: value ?? '' }];
      const secretKey = `env.${counter++}`;
      const ref = valueFrom.secretKeyRef;
      const found = get(ref.name)?.data?.[ref.key];
      if (found === undefined) {
        if (!ref.optional) problems.push(missing(ref.name, get(ref.name) && ref.key, `variable ${name}`));
        return [];
      }
      data[secretKey] = found;
      return [{ name, secretKey }];
    });
  const env = resolveEnv(spec.env);
  const serviceEnv = new Map(
    (spec.services ?? []).map(service => [service.name, resolveEnv(service.env)] as const),
  );
  const credentialsName = spec.repo?.credentialsSecretRef?.name;
  if (credentialsName !== undefined) {
    const credentials = resolveCredentials(credentialsName, get(credentialsName));
    if ('problem' in credentials) problems.push(credentials.problem);
    else Object.assign(data, credentials.data);
  }
  const pullName = spec.imagePullSecretRef?.name;
  if (pullName !== undefined) {
    const login = resolveLogin(pullName, get(pullName), spec.image ?? defaultImage);
    if ('problem' in login) problems.push(login.problem);
    else Object.assign(data, login.data);
  }
  const problem = problems[0];
  if (problem) return { problem };
  const credentials = credentialsName !== undefined;
  return { data, env, serviceEnv, credentials, imageLogin: pullName !== undefined };
}

/** Names of the Secrets that a spec refers to, in the workspace's namespace. */
export function referencedSecrets(spec: WorkspaceSpec): string[] {
  const env = [spec.env ?? [], ...(spec.services ?? []).map(service => service.env ?? [])].flat();
  const names = env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef.name ?? []);
  const others = [spec.repo?.credentialsSecretRef, spec.imagePullSecretRef].flatMap(ref => ref?.name ?? []);
  return [...new Set([...names, ...others])];
}

/** Secrets of kubernetes.io/basic-auth and kubernetes.io/ssh-auth, and a `token` in place of a password. */
function resolveCredentials(
  name: string,
  secret: Secret | undefined,
): { data: Record<string, string> } | { problem: Problem } {
  if (!secret) return { problem: missing(name, undefined, 'the repository') };
  const read = (key: string) => {
    const value = secret.data?.[key];
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8').trim();
  };
  const sshKey = read('ssh-privatekey');
  // OpenSSH refuses a key file without a line end.
  if (sshKey) return { data: { [SECRET_GIT_SSH_KEY]: encode(`${sshKey.replaceAll('\r\n', '\n')}\n`) } };
  const password = read('password') || read('token');
  if (!password)
    return {
      problem: {
        reason: 'SecretNotFound',
        message:
          `Secret ${name} for the repository holds neither password, token nor ssh-privatekey. ` +
          'Add username and password (or token) for HTTPS, or ssh-privatekey for SSH.',
      },
    };
  const username = read('username') || TOKEN_USERNAME;
  return { data: { [SECRET_GIT_USERNAME]: encode(username), [SECRET_GIT_PASSWORD]: encode(password) } };
}

/** Of all that a Secret of kubernetes.io/dockerconfigjson holds, the login of one image's registry alone. */
function resolveLogin(
  name: string,
  secret: Secret | undefined,
  image: string,
): { data: Record<string, string> } | { problem: Problem } {
  if (!secret) return { problem: missing(name, undefined, 'the image') };
  const config = secret.data?.[DOCKER_CONFIG_KEY];
  if (config === undefined) return { problem: missing(name, DOCKER_CONFIG_KEY, 'the image') };
  const login = findRegistryLogin(Buffer.from(config, 'base64').toString('utf8'), image);
  if ('problem' in login)
    return {
      problem: {
        reason: 'SecretNotFound',
        message: `Secret ${name} for the image ${login.problem}. Correct it; the workspace goes on by itself.`,
      },
    };
  return { data: { [SECRET_IMAGE_LOGIN]: encode(JSON.stringify(login)) } };
}

function missing(name: string, key: string | undefined, user: string): Problem {
  const message =
    key === undefined
      ? `Secret ${name}, which ${user} refers to, does not exist in the workspace's namespace. Create it; the workspace goes on by itself.`
      : `Secret ${name} has no key ${key}, which ${user} refers to. Add the key; the workspace goes on by itself.`;
  return { reason: 'SecretNotFound', message };
}

const encode = (text: string) => Buffer.from(text, 'utf8').toString('base64');
