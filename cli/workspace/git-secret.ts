import type { Client } from '../../controller/client/client.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { SECRET } from '../../crds/kinds.ts';
import { ANNOTATION_GIT_ORIGIN } from '../../crds/names.ts';
import type { Secret } from '../../crds/object.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { findLogin, type GitLogin } from '../git/git-login.ts';

/** The owner of the fields of these Secrets. */
const MANAGER = 'nexus-git-login';

/** Name of the Secret with the login that `create` gives a workspace. */
export const gitSecretName = (workspace: string): string => `${workspace}-git`;

/** Throws CliError when somebody else's Secret is in the way of a workspace's. */
export async function checkGitSecret(
  client: Client,
  { name, namespace }: { name: string; namespace?: string },
  context: CommandContext,
): Promise<void> {
  const secret = await getSecret(client, { name: gitSecretName(name), namespace }, context);
  if (!secret || secret.metadata.annotations?.[ANNOTATION_GIT_ORIGIN] !== undefined) return;
  throw new CliError(`there is a Secret ${secret.metadata.name} already, which is not ${name}'s login`, {
    exitCode: EXIT.conflict,
    next: `--credentials-secret ${secret.metadata.name} uses it; --name NAME takes another name`,
  });
}

/**
 * Gives the workspace the login, in a Secret that goes with it. What is so already is left alone. Ctrl-C does not break
 * it off: the workspace waits for it.
 */
export async function putGitSecret(client: Client, workspace: Workspace, login: GitLogin): Promise<void> {
  const { name, namespace, uid } = workspace.metadata;
  const key = { name: gitSecretName(name), namespace };
  const data = { username: encode(login.username), password: encode(login.password) };
  const before = await client.get(SECRET, key).catch(error => {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  });
  const owners = before?.metadata.ownerReferences ?? [];
  if (before?.data?.password === data.password && owners.some(owner => owner.uid === uid)) return;
  await client.apply<Secret>(
    SECRET,
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        ...key,
        annotations: { [ANNOTATION_GIT_ORIGIN]: login.origin },
        ownerReferences: [
          { apiVersion: workspace.apiVersion, kind: workspace.kind, name, uid: uid as string },
        ],
      },
      type: 'kubernetes.io/basic-auth',
      data,
    } as Secret,
    { fieldManager: MANAGER, force: true },
  );
}

/**
 * Brings the login of a workspace that `create` gave one up to date with the person's own: tokens change. Resolves with
 * what there is to say when it could not; a workspace without one is left alone.
 */
export async function refreshGitSecret(
  client: Client,
  workspace: Workspace,
  context: CommandContext,
): Promise<string | undefined> {
  const { name, namespace } = workspace.metadata;
  const secretName = workspace.spec.repo?.credentialsSecretRef?.name;
  if (secretName !== gitSecretName(name)) return undefined;
  try {
    const secret = await getSecret(client, { name: secretName, namespace }, context);
    const origin = secret?.metadata.annotations?.[ANNOTATION_GIT_ORIGIN];
    if (secret && origin === undefined) return undefined;
    const login = await findLogin(origin ?? new URL(workspace.spec.repo?.url ?? '').origin, context);
    if (login) await putGitSecret(client, workspace, login);
    return undefined;
  } catch (error) {
    if (context.signal.aborted) throw error;
    return `the login of ${name} at its repository was not renewed: ${(error as Error).message}`;
  }
}

async function getSecret(
  client: Client,
  key: { name: string; namespace?: string | undefined },
  { signal }: CommandContext,
): Promise<Secret | undefined> {
  return client.get(SECRET, key, signal).catch(error => {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  });
}

const encode = (text: string) => Buffer.from(text).toString('base64');
