import type { CommandContext } from '../command.ts';
import type { GitHub, GitHubUser } from '../github/access.ts';
import type { PersonKey } from '../ssh/person-keys.ts';
import { callRest, RestRefusal, type ServerAddress } from './rest.ts';

export type Registered = 'registered' | 'key added' | 'already there';

/** Registers the person of the GitHub login with a key, or adds the key. What is there already is success. */
export async function registerKey(
  to: ServerAddress,
  { github, user, key }: { github: GitHub; user: GitHubUser; key: PersonKey },
  context: CommandContext,
): Promise<Registered> {
  const { token } = github;
  try {
    await callRest(context, to, {
      method: 'POST',
      path: '/users/register',
      token,
      body: {
        github_username: user.login,
        github_id: user.id,
        ssh_pubkey: key.line,
        ssh_pubkey_fingerprint: key.fingerprint,
      },
    });
    return 'registered';
  } catch (error) {
    // Where registration is closed, whom an admin has added may still add keys.
    const mayBeThere = error instanceof RestRefusal && ['user_exists', 'forbidden'].includes(error.code);
    if (!mayBeThere) throw error;
    return addKey(to, { token, login: user.login, key }, context).catch(later => {
      const isUnknown = later instanceof RestRefusal && ['user_not_found', 'forbidden'].includes(later.code);
      throw isUnknown ? error : later;
    });
  }
}

async function addKey(
  to: ServerAddress,
  { token, login, key }: { token: string; login: string; key: PersonKey },
  context: CommandContext,
): Promise<Registered> {
  const path = `/users/${encodeURIComponent(login)}/ssh-keys/${encodeURIComponent(key.fingerprint)}`;
  try {
    await callRest(context, to, { method: 'PUT', path, token, body: { ssh_pubkey: key.line } });
    return 'key added';
  } catch (error) {
    if (error instanceof RestRefusal && error.code === 'ssh_key_exists') return 'already there';
    throw error;
  }
}
