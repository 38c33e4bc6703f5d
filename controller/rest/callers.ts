import { USER } from '../../crds/kinds.ts';
import type { User } from '../../crds/types.generated.ts';
import type { Client } from '../client/client.ts';
import { createClient } from '../client/create-client.ts';
import { isApiError } from '../kit/errors.ts';
import { VERSION } from '../kit/version.ts';
import type { GitHubUser } from './github.ts';
import { RestError } from './rest-error.ts';
import type { RestOptions } from './rest-options.ts';
import { WrongTokens } from './wrong-tokens.ts';

/** Who makes a request. */
export interface Caller {
  /** Towards the API: the name of a User, `admin`, `nexus:node:node-1`; for somebody who is not registered, `github:<login>`. */
  name: string;
  /** Set when they showed a GitHub token. */
  github?: GitHubUser & { token: string };
  /** The API as they may use it: RBAC is asked for each of their requests. Absent for somebody who is not registered. */
  client?: Client;
}

export interface Callers {
  /** Throws RestError auth_required, provider_not_available, rate_limited for an `address` that shows wrong tokens. */
  identify(authorization: string | undefined, address: string): Promise<Caller>;
  /** Whether RBAC lets the caller do it. */
  may(caller: Caller, verb: string, resource: string, name?: string): Promise<boolean>;
}

const NEXUS_TOKEN = /^nexus_/;
/** A token of GitHub's or a service's; anything longer is none. */
const MAX_TOKEN_LENGTH = 4096;
/** The group of everybody who is a User. */
const GROUP_USERS = 'nexus:users';

interface SelfReview {
  status?: { userInfo?: { username?: string } };
}

/** Tells callers apart by their token: Nexus' own are the API's to judge, others are shown to GitHub. */
export function createCallers(options: RestOptions): Callers {
  const { github, transportWith, clock } = options;
  const wrong = new WrongTokens(clock);
  const userAgent = `nexus-rest/${VERSION}`;
  const clientWith = (headers: Record<string, string>) =>
    createClient({ transport: transportWith(headers), userAgent, clock });

  async function byNexusToken(token: string): Promise<Caller> {
    const own = clientWith({ authorization: `Bearer ${token}` });
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    try {
      const { text } = await own.raw('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body });
      const name = (JSON.parse(text) as SelfReview).status?.userInfo?.username;
      if (!name) throw required(github.authUrl);
      return { name, client: own };
    } catch (error) {
      if (isApiError(error, 'Unauthorized', 'Forbidden')) throw required(github.authUrl);
      throw error;
    }
  }

  async function byGitHubToken(token: string, address: string): Promise<Caller> {
    wrong.check(address);
    const found = await github.user(token);
    if (!found) {
      wrong.failed(address);
      throw required(github.authUrl);
    }
    const user = await findGitHubUser(options, found);
    const shown = { ...found, token };
    if (!user) return { name: `github:${found.login}`, github: shown };
    if (user.spec.suspended)
      throw new RestError('forbidden', `User ${user.metadata.name} is suspended; ask an admin.`);
    return {
      name: user.metadata.name,
      github: shown,
      client: clientWith({ 'impersonate-user': user.metadata.name, 'impersonate-group': GROUP_USERS }),
    };
  }

  return {
    async identify(authorization, address) {
      const token = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
      if (token === undefined || token.length > MAX_TOKEN_LENGTH) throw required(github.authUrl);
      return NEXUS_TOKEN.test(token) ? byNexusToken(token) : byGitHubToken(token, address);
    },
    async may(caller, verb, resource, name = '') {
      const resourceAttributes = { verb, group: 'nexus.dev', resource, name };
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes },
      };
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      const { text } = await clientOf(caller).raw('POST', path, { body });
      return (JSON.parse(text) as { status?: { allowed?: boolean } }).status?.allowed === true;
    },
  };
}

/** By the number of the account, which stays when its login changes; by login where no number was declared. */
export function findGitHubUser(options: UserSource, { id, login }: GitHubUser): Promise<User | undefined> {
  return findUser(
    options,
    ({ spec }) => spec.github?.id === id,
    ({ spec }) => spec.github?.id === undefined && spec.github?.login.toLowerCase() === login.toLowerCase(),
  );
}

type UserSource = Pick<RestOptions, 'client' | 'users'>;

/** The first that one of the tests is true of, the first test before the others; of the cache, else of the API. */
export async function findUser(
  { client, users }: UserSource,
  ...tests: ((user: User) => boolean)[]
): Promise<User | undefined> {
  const of = (list: readonly User[]) => {
    for (const test of tests) {
      const found = list.find(test);
      if (found) return found;
    }
    return undefined;
  };
  return of(users?.() ?? []) ?? of((await client.list(USER)).items);
}

export function required(
  authUrl: string,
  message = 'Send "Authorization: Bearer" with a Nexus token or a GitHub token that is valid.',
): RestError {
  return new RestError('auth_required', message, { auth_url: authUrl });
}

/** Throws RestError forbidden for somebody who is not registered. */
export function clientOf({ client, name }: Caller): Client {
  if (client) return client;
  throw new RestError(
    'forbidden',
    `${name} is not registered here; POST /api/v1/users/register, or ask an admin.`,
  );
}
