import { USER, WORKSPACE } from '../../../crds/kinds.ts';
import type { User } from '../../../crds/types.generated.ts';
import { isApiError } from '../../kit/errors.ts';
import { parseSshPublicKey, type SshPublicKey } from '../../kit/ssh-public-key.ts';
import { type Caller, findGitHubUser } from '../callers.ts';
import type { RestContext } from '../rest-context.ts';
import { RestError } from '../rest-error.ts';
import { about, type Call, type Route } from '../route.ts';
import { body, FINGERPRINT, GITHUB_LOGIN, object, USER as USER_SCHEMA } from '../schemas.ts';
import { keysOf, userView } from '../views/user-view.ts';
import { workspaceId } from '../views/workspace-id.ts';

interface RegisterBody {
  github_username: string;
  github_id: number;
  ssh_pubkey: string;
  ssh_pubkey_fingerprint: string;
}

const KEY_ATTEMPTS = 5;

function readKey(given: string, fingerprint: string): SshPublicKey {
  const key = parseSshPublicKey(given);
  if ('problem' in key) throw new RestError('invalid_ssh_key', `The SSH key cannot be used: ${key.problem}.`);
  if (key.fingerprint !== fingerprint)
    throw new RestError(
      'invalid_ssh_key',
      `The key's fingerprint is ${key.fingerprint}, not ${fingerprint}.`,
      {
        fingerprint: key.fingerprint,
      },
    );
  return key;
}

/** Names of keys are for people; two of one name are told apart by their digest. */
function nameFor(key: SshPublicKey, taken: readonly string[]): string {
  const wished = key.comment
    .replaceAll(/[^A-Za-z0-9@._-]+/g, '-')
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
    .slice(0, 40);
  const digest = key.fingerprint.slice(7, 15).replaceAll(/[^A-Za-z0-9]/g, '0');
  const name = wished || key.type.split('@')[0] || 'key';
  return taken.includes(name) ? `${name}-${digest}` : name;
}

/** Throws RestError user_not_found, also for whoever may not see the user. */
async function visibleUser({ context, caller, params }: Call): Promise<User> {
  const name = params.name ?? '';
  const missing = () => new RestError('user_not_found', `There is no user ${name}, or you may not see them.`);
  const { items } = await context.client.list(USER);
  const user = items.find(
    ({ metadata, spec }) => metadata.name === name || spec.github?.login.toLowerCase() === name.toLowerCase(),
  );
  if (!user || !(await isSelfOrMay(context, caller, user, 'get'))) throw missing();
  return user;
}

async function isSelfOrMay(
  { callers }: RestContext,
  caller: Caller,
  user: User,
  verb: 'get' | 'update',
): Promise<boolean> {
  const { name } = user.metadata;
  return (
    caller.name === name || (caller.client !== undefined && (await callers.may(caller, verb, 'users', name)))
  );
}

async function viewOf({ client }: RestContext, user: User) {
  const namespace = user.status?.namespace ?? user.metadata.name;
  const { items } = await client.list(WORKSPACE, { namespace });
  return userView(user, items.map(workspaceId));
}

async function changeKeys(
  { context, caller }: Call,
  user: User,
  change: (keys: NonNullable<User['spec']['sshKeys']>) => NonNullable<User['spec']['sshKeys']>,
): Promise<User> {
  if (!(await isSelfOrMay(context, caller, user, 'update')))
    throw new RestError('forbidden', 'Only the user and admins may change these keys.');
  let latest = user;
  for (let attempt = 1; ; attempt++) {
    const spec = { ...latest.spec, sshKeys: change(latest.spec.sshKeys ?? []) };
    try {
      return await about('user', () =>
        context.client.update(USER, { ...latest, spec }, { fieldManager: 'nexus-rest' }),
      );
    } catch (error) {
      const isStale = error instanceof RestError && isApiError(error.cause, 'Conflict');
      if (!isStale || attempt === KEY_ATTEMPTS) throw error;
      latest = await context.client.get(USER, { name: user.metadata.name });
    }
  }
}

async function register(call: Call<RegisterBody>) {
  const { context, caller, reply } = call;
  const { github_username: login, github_id: id, ssh_pubkey, ssh_pubkey_fingerprint } = call.body;
  const { github } = caller;
  const isOwn = github?.id === id && github.login.toLowerCase() === login.toLowerCase();
  const mayCreate = caller.client !== undefined && (await context.callers.may(caller, 'create', 'users'));
  if (!isOwn && !mayCreate)
    throw new RestError(
      'forbidden',
      `Register with a GitHub token of ${login}, number ${id}, or as an admin.`,
    );
  if (!mayCreate && context.registration === 'closed')
    throw new RestError('forbidden', 'Registration is closed on this server; ask an admin to add you.');
  const key = readKey(ssh_pubkey, ssh_pubkey_fingerprint);
  const exists = () =>
    new RestError(
      'user_exists',
      `${login} is registered already; add a key with PUT …/ssh-keys/FINGERPRINT.`,
    );
  if (await findGitHubUser({ client: context.client }, { id, login })) throw exists();
  const user: User = {
    apiVersion: 'nexus.dev/v1alpha1',
    kind: 'User',
    metadata: { name: login.toLowerCase().replaceAll('_', '-').slice(0, 50) },
    spec: { github: { login, id }, sshKeys: [{ name: nameFor(key, []), key: ssh_pubkey.trim() }] },
  };
  const created = await about('user', () => context.client.create(USER, user));
  context.log.info({ user: created.metadata.name, by: caller.name }, 'user registered');
  reply.code(201);
  return viewOf(context, created);
}

const PUBLIC_KEY = { type: 'string', maxLength: 16_384, description: 'One line of a .pub file.' } as const;
const KEY_PARAMS = object({ name: GITHUB_LOGIN, fingerprint: FINGERPRINT });

export const USER_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    url: '/users/register',
    summary: 'Register a GitHub user with an SSH key',
    tag: 'users',
    body: body(
      {
        github_username: GITHUB_LOGIN,
        github_id: { type: 'integer', minimum: 1 },
        ssh_pubkey: PUBLIC_KEY,
        ssh_pubkey_fingerprint: FINGERPRINT,
      },
      ['github_username', 'github_id', 'ssh_pubkey', 'ssh_pubkey_fingerprint'],
    ),
    answers: { 201: USER_SCHEMA },
    handle: call => register(call as Call<RegisterBody>),
  },
  {
    method: 'GET',
    url: '/users/:name',
    summary: 'A user',
    tag: 'users',
    params: object({ name: GITHUB_LOGIN }),
    answers: { 200: USER_SCHEMA },
    handle: async call => viewOf(call.context, await visibleUser(call)),
  },
  {
    method: 'PUT',
    url: '/users/:name/ssh-keys/:fingerprint',
    summary: 'Add an SSH key to a user',
    tag: 'users',
    params: KEY_PARAMS,
    body: body({ ssh_pubkey: PUBLIC_KEY, name: { type: 'string', minLength: 1, maxLength: 63 } }, [
      'ssh_pubkey',
    ]),
    answers: { 200: USER_SCHEMA },
    async handle(call) {
      const given = call.body as { ssh_pubkey: string; name?: string };
      const key = readKey(given.ssh_pubkey, call.params.fingerprint ?? '');
      const user = await visibleUser(call);
      const changed = await changeKeys(call, user, keys => {
        if (
          keysOf({ ...user, spec: { ...user.spec, sshKeys: keys } }).some(
            k => k.fingerprint === key.fingerprint,
          )
        )
          throw new RestError('ssh_key_exists', 'The user has this key already.', {
            fingerprint: key.fingerprint,
          });
        const name =
          given.name ??
          nameFor(
            key,
            keys.map(k => k.name),
          );
        return [...keys, { name, key: given.ssh_pubkey.trim() }];
      });
      return viewOf(call.context, changed);
    },
  },
  {
    method: 'DELETE',
    url: '/users/:name/ssh-keys/:fingerprint',
    summary: 'Remove an SSH key; it is out of every workspace within seconds',
    tag: 'users',
    params: KEY_PARAMS,
    answers: { 200: USER_SCHEMA },
    async handle(call) {
      const user = await visibleUser(call);
      const changed = await changeKeys(call, user, keys =>
        keys.filter(({ key }) => {
          const parsed = parseSshPublicKey(key);
          return 'problem' in parsed || parsed.fingerprint !== call.params.fingerprint;
        }),
      );
      return viewOf(call.context, changed);
    },
  },
];
