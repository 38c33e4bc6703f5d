import { WORKSPACE } from '../../crds/kinds.ts';
import { FINALIZER_WORKSPACE } from '../../crds/names.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Client } from '../client/client.ts';
import { ApiError } from '../kit/errors.ts';
import { readRepoConfig } from '../repo-config/read-repo-config.ts';
import { PROVIDERS, type Provider } from '../repo-config/repo-config.ts';
import { toWorkspaceSpec } from '../repo-config/to-workspace-spec.ts';
import { type Caller, clientOf, findUser } from './callers.ts';
import type { RestContext } from './rest-context.ts';
import { fromApiError, RestError } from './rest-error.ts';
import { workspaceId } from './views/workspace-id.ts';

export interface CreateBody {
  github_username: string;
  workspace_name: string;
  repo: { owner?: string; name?: string; url: string; branch?: string; is_fork?: boolean };
  provider?: string;
  image?: string;
  services?: CreateService[];
}

interface CreateService {
  name: string;
  command: string;
  port?: number;
  depends_on?: string[];
  health_check?: { type?: 'http' | 'tcp' | 'exec'; path?: string; command?: string; timeout?: number };
}

const ESTIMATED_SECONDS = 30;

/**
 * Declares a workspace for a user. When it is known at once that no node can take it, nothing is left behind. Throws
 * RestError.
 */
export async function createWorkspace(context: RestContext, caller: Caller, body: CreateBody) {
  const client = clientOf(caller);
  if (body.provider !== undefined && !PROVIDERS.some(name => name === body.provider))
    throw new RestError(
      'invalid_provider',
      `provider "${body.provider}" is not supported; use docker or lxc.`,
      {
        available_providers: PROVIDERS,
      },
    );
  checkUrl(context, body.repo.url);
  const namespace = await namespaceOf(context, body.github_username);
  const declare = (repository: Repository, dryRun = false) =>
    client
      .create(
        WORKSPACE,
        {
          apiVersion: 'nexus.dev/v1alpha1',
          kind: 'Workspace',
          // The controller's first write, which its first pass is spared.
          metadata: { name: body.workspace_name, namespace, finalizers: [FINALIZER_WORKSPACE] },
          spec: specOf(body, repository),
        },
        { dryRun },
      )
      .catch(error => {
        throw error instanceof ApiError ? refused(error, body.workspace_name) : error;
      });
  const repository = await writableRepository(context, caller, body.repo, async () => {
    // Name, rights and every field, before anything is made elsewhere.
    await declare({ url: body.repo.url }, true);
  });
  const { created, port = null } = await context.scheduled.watching(async () => {
    const created = await declare(repository);
    return { created, port: await untilPlaced(context, client, created) };
  });
  const id = workspaceId(created);
  return {
    workspace_id: id,
    status: 'creating' as const,
    ssh_port: port,
    polling_url: `/api/v1/workspaces/${id}/status`,
    estimated_time_seconds: ESTIMATED_SECONDS,
    created_at: created.metadata.creationTimestamp ?? '',
    ...(repository.fork && { fork_created: repository.fork.isNew, fork_url: repository.url }),
  };
}

/** What a workspace clones. */
interface Repository {
  url: string;
  /** Set when it is the caller's fork of what was asked for. */
  fork?: { isNew: boolean };
}

function refused(error: ApiError, name: string): RestError {
  if (error.reason !== 'AlreadyExists') return fromApiError(error, 'workspace');
  return new RestError('workspace_exists', `There is a workspace ${name} already; choose another name.`, {
    workspace_name: name,
  });
}

function specOf(body: CreateBody, { url, fork }: Repository): Workspace['spec'] {
  const services = (body.services ?? []).map(({ name, ...service }) => [name, service]);
  const names = new Set(services.map(([name]) => name));
  if (names.size < services.length)
    throw new RestError('invalid_request', 'Two services have the same name; give each its own.');
  // The one reading of a description of a workspace is that of the repository's own file.
  const { config, problems } = readRepoConfig(JSON.stringify({ services: Object.fromEntries(services) }));
  if (!config)
    throw new RestError('invalid_request', problems.map(({ message }) => message).join('; '), {
      problems: problems.map(({ path, message }) => ({ path: path.join('.'), message })),
    });
  const { branch } = body.repo;
  return toWorkspaceSpec(config, {
    repo: {
      url,
      ...(branch !== undefined && { ref: branch }),
      ...(fork && { upstream: body.repo.url }),
    },
    ...(body.provider !== undefined && { provider: body.provider as Provider }),
    ...(body.image !== undefined && { image: body.image }),
  });
}

function checkUrl({ repoSchemes = [] }: RestContext, url: string): void {
  const isTaken =
    /^https:\/\/[^\s/]+\/\S+$/.test(url) ||
    /^git@[A-Za-z0-9.-]+:\S+$/.test(url) ||
    repoSchemes.some(scheme => url.startsWith(scheme));
  if (!isTaken)
    throw new RestError('invalid_repo', 'repo.url must be https://HOST/PATH or git@HOST:PATH.', { url });
}

/** The namespace of the user with that GitHub login, or of that name. */
async function namespaceOf(context: RestContext, username: string): Promise<string> {
  const user = await findUser(
    context,
    ({ spec, metadata }) =>
      spec.github?.login.toLowerCase() === username.toLowerCase() || metadata.name === username,
  );
  if (!user)
    throw new RestError(
      'user_not_found',
      `${username} is not registered; POST /api/v1/users/register first.`,
      {
        github_username: username,
      },
    );
  return user.status?.namespace ?? user.metadata.name;
}

/**
 * A repository on GitHub that its user may not write to is forked, after `check`, where they showed GitHub's token and
 * did not say that it is a fork.
 */
async function writableRepository(
  { github }: RestContext,
  { github: shown }: Caller,
  { url, is_fork: isFork }: CreateBody['repo'],
  check: () => Promise<void>,
): Promise<Repository> {
  const [, owner, name] =
    new RegExp(
      `(?:^https://|^git@)${github.host.replaceAll('.', '\\.')}[/:]([^/]+)/([^/]+?)(?:\\.git)?/?$`,
    ).exec(url) ?? [];
  if (!shown || isFork || !owner || !name) return { url };
  const repository = await github.repository(shown.token, owner, name);
  if (repository.canPush) return { url };
  await check();
  const { cloneUrl, isNew } = await github.fork(shown.token, owner, name);
  return { url: cloneUrl, fork: { isNew } };
}

/** Waits a moment for node and port. Throws RestError, and takes the workspace back, when none can be given. */
async function untilPlaced(
  { scheduleWaitMs, scheduled }: RestContext,
  client: Client,
  { metadata: { name, namespace, uid = '' } }: Workspace,
): Promise<number | undefined> {
  const verdict = await scheduled.until(uid, scheduleWaitMs);
  if (!verdict || 'port' in verdict) return verdict?.port;
  await client.delete(WORKSPACE, { name, namespace }, { preconditions: { uid } });
  const { reason, message } = verdict;
  throw new RestError(reason === 'NoNodeFits' ? 'insufficient_resources' : 'port_allocation_failed', message);
}
