import { CliError, EXIT } from '../errors.ts';
import { type GitHub, loginCommand, missingScope } from './access.ts';
import { type GitHubAnswer, hasScope, messageOf, scopesOf } from './answer.ts';

/** What counts of a repository on GitHub. */
export interface GitHubRepository {
  owner: string;
  name: string;
  /** `owner/name` as GitHub writes it. */
  fullName: string;
  /** HTTPS, without a login. */
  url: string;
  isPrivate: boolean;
  /** Whether the account may push to it; an archived one takes nothing. */
  canPush: boolean;
  isArchived: boolean;
}

interface View {
  name: string;
  full_name: string;
  owner: { login: string };
  clone_url: string;
  private: boolean;
  archived?: boolean;
  permissions?: { push?: boolean };
}

/** `owner` and `name` of a URL on that host: https, ssh, or `git@host:owner/name`. */
export function repositoryIn(url: string, host: string): { owner: string; name: string } | undefined {
  const plain = host.replaceAll('.', '\\.');
  const [, owner, name] =
    new RegExp(
      `^(?:https?://|ssh://(?:[^@/]+@)?|[^@/:]+@)${plain}(?::\\d+)?[:/]/?([^/]+)/([^/]+?)(?:\\.git)?/?$`,
      'i',
    ).exec(url) ?? [];
  return owner && name ? { owner, name } : undefined;
}

/** Throws CliError notFound, noAccess, and what GitHub.request() throws. */
export async function getRepository(github: GitHub, owner: string, name: string): Promise<GitHubRepository> {
  const answer = await github.request('GET', `/repos/${owner}/${name}`);
  if (answer.status === 200) return toRepository(answer);
  const scopes = scopesOf(answer);
  if (answer.status === 404 && !hasScope(scopes, 'repo')) {
    const { next } = missingScope(github, 'a private repository', 'repo');
    throw new CliError(
      `${github.host} shows no ${owner}/${name} to the token, which lacks the scope repo for private ones`,
      { exitCode: EXIT.notFound, next: `check the spelling; for a private one: ${next}` },
    );
  }
  if (answer.status === 404) {
    const me = await whoAsks(github);
    const help =
      me.toLowerCase() === owner.toLowerCase()
        ? `a new one: gh repo create ${owner}/${name}`
        : `a private one: ask ${owner} for access, or log in as somebody else: ${loginCommand(github.host, ' --force')}`;
    throw new CliError(`there is no ${owner}/${name} on ${github.host} that ${me} may see`, {
      exitCode: EXIT.notFound,
      next: `check the spelling; ${help}`,
    });
  }
  throw refused(answer, `${github.host} does not show ${owner}/${name}`);
}

/** The account's fork, which may have been there; GitHub fills a new one in the background. Throws CliError. */
export async function forkRepository(
  github: GitHub,
  { owner, name, isPrivate }: GitHubRepository,
): Promise<GitHubRepository> {
  const answer = await github.request('POST', `/repos/${owner}/${name}/forks`, {});
  if (answer.status === 202 || answer.status === 200) return toRepository(answer);
  const scopes = scopesOf(answer);
  if (!hasScope(scopes, 'repo', ...(isPrivate ? [] : ['public_repo'])))
    throw missingScope(github, 'a fork', isPrivate ? 'repo' : 'public_repo');
  throw refused(answer, `${await whoAsks(github)} may neither push to ${owner}/${name} nor fork it`);
}

/** Whatever its name: GitHub gives one that is taken a number, and its owner may rename it. */
const OWN_FORK = `query($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) { forks(affiliations: OWNER, first: 1) { nodes { url } } }
}`;

/** HTTPS URL of the fork that the account has already; undefined where there is none, or GitHub does not say. */
export async function findFork(
  github: GitHub,
  { owner, name }: GitHubRepository,
): Promise<string | undefined> {
  const { body } = await github.request('POST', '/graphql', { query: OWN_FORK, variables: { owner, name } });
  const { data } = (body ?? {}) as { data?: { repository?: { forks: { nodes: { url: string }[] } } | null } };
  const url = data?.repository?.forks.nodes[0]?.url;
  return url && `${url}.git`;
}

const whoAsks = (github: GitHub) =>
  github.user().then(
    ({ login }) => login,
    () => 'the token',
  );

function refused(answer: GitHubAnswer, what: string): CliError {
  return new CliError(`${what}: ${messageOf(answer) || `it answered ${answer.status}`}`, {
    exitCode: EXIT.noAccess,
    next: 'ask its owner for the right to write, or go without: --no-fork',
  });
}

function toRepository({ body }: GitHubAnswer): GitHubRepository {
  const view = body as View;
  const isArchived = view.archived === true;
  return {
    owner: view.owner.login,
    name: view.name,
    fullName: view.full_name,
    url: view.clone_url,
    isPrivate: view.private,
    canPush: view.permissions?.push === true && !isArchived,
    isArchived,
  };
}
