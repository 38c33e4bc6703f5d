import type { EXIT } from '../../cli/errors.ts';
import type { ApiReason } from '../../controller/kit/errors.ts';
import type { RestErrorCode } from '../../controller/rest/rest-error.ts';

/** What happened, and what to do about it. */
export type Remedy = readonly [what: string, remedy: string];

/** A code without its row does not compile. */
export const EXIT_REMEDIES: Record<keyof typeof EXIT, Remedy> = {
  done: ['It is done.', ''],
  failed: ['It failed for a reason that has no code of its own.', 'Do what `next:` says; `-v` tells more.'],
  usage: ['The command line is wrong.', '`nexus COMMAND --help`.'],
  notFound: [
    'What was named is not there, or not for you to see.',
    '`nexus get` and `nexus user list` list names.',
  ],
  conflict: [
    'It is there already, or somebody else changed it meanwhile.',
    'Look at it, then try again or choose another name.',
  ],
  timeout: [
    'What was waited for did not come in time.',
    '`nexus describe` says what it waits for; a longer `--timeout`.',
  ],
  noAccess: [
    'Nobody is logged in, the login is over, a scope is missing, or you may not do it; or a server is not the one that is known.',
    '`nexus whoami`, `nexus login SERVER`, `nexus auth status`; or ask an admin for the right.',
  ],
  unreachable: [
    'A server, GitHub or the network does not answer.',
    '`nexus doctor`; check address, proxy and network.',
  ],
};

export const REST_REMEDIES: Record<RestErrorCode, Remedy> = {
  invalid_request: [
    'The request is not as the schema says.',
    'See `/docs`; `details.causes` names the fields.',
  ],
  missing_fields: ['Fields are missing.', 'Add those in `details.required`.'],
  invalid_ssh_key: [
    'The SSH key cannot be used, or is not of the given fingerprint.',
    'Give a line of a .pub file: ed25519, ECDSA, or RSA from 2048 bits; `ssh-keygen -lf FILE` prints the fingerprint.',
  ],
  invalid_repo: [
    'The URL is none that the server clones.',
    'Use `https://…` or `git@HOST:…`; an admin allows others with `--rest-repo-schemes`.',
  ],
  invalid_provider: ['There is no such provider.', 'Take one of `details.available_providers`.'],
  auth_required: [
    'No token was shown, or one that is wrong, revoked or over.',
    '`nexus login SERVER`, or a GitHub token from `details.auth_url`.',
  ],
  forbidden: [
    'The caller is not registered, is suspended, or may not do it.',
    '`nexus ssh setup` registers; else ask an admin for the right.',
  ],
  repo_not_found: [
    'The repository is not there, or the token may not see it.',
    'Check the name; give the token the scope `repo`.',
  ],
  workspace_not_found: [
    'There is no such workspace, or you may not see it.',
    '`GET /workspaces` lists yours.',
  ],
  user_not_found: ['There is no such user, or you may not see them.', '`nexus user list`, as an admin.'],
  node_not_found: ['There is no such node, or you may not see it.', '`GET /nodes`.'],
  command_not_found: ['There is no such command of a node, or it was forgotten.', 'Send it again.'],
  method_not_allowed: ['The path does not take this method.', 'Use one of the header `allow`.'],
  user_exists: [
    'The account is registered.',
    'Add a key: `PUT /users/NAME/ssh-keys/FINGERPRINT`, or `nexus ssh setup`.',
  ],
  workspace_exists: ['You have a workspace of that name.', 'Choose another name, or delete that one.'],
  node_exists: ['There is a node of that name.', 'Choose another name.'],
  ssh_key_exists: ['The user has this key.', 'Nothing needs to be done.'],
  already_stopped: ['It is stopped.', 'Nothing needs to be done.'],
  still_running: ['It runs.', 'Stop it first, or `?force=true`.'],
  request_too_large: ['The body is too large.', 'Send less: 4 MiB at most.'],
  rate_limited: [
    'Too many requests, or too many wrong tokens from this address.',
    'Wait `details.retry_after_seconds`; an admin sets `--rest-rate`.',
  ],
  internal_error: ['Something went wrong in the server.', 'Look for the `request_id` in its log.'],
  provider_error: [
    'The container engine failed.',
    "`nexus describe ws NAME` and the log of the node's agent.",
  ],
  insufficient_resources: ['No node has room.', '`nexus node list`; ask for less, or add a node.'],
  port_allocation_failed: [
    'The node has no free port.',
    'Delete workspaces, or widen `spec.ports` of the node.',
  ],
  provider_not_available: [
    'GitHub, the API server or a driver does not answer.',
    'Try again in a moment; `nexus doctor`.',
  ],
};

export const API_REMEDIES: Record<ApiReason, Remedy> = {
  BadRequest: ['The request cannot be read.', 'The message says what is wrong with it.'],
  Unauthorized: ['The credential is wrong, revoked or over.', '`nexus whoami`; `nexus login SERVER`.'],
  Forbidden: ['No role allows it.', '`kubectl auth can-i --list`; an admin gives [roles](access.md).'],
  NotFound: ['It is not there.', 'Check name, kind and namespace (`-n`).'],
  MethodNotAllowed: ['The resource does not do that.', '`kubectl api-resources -o wide` lists verbs.'],
  NotAcceptable: ['No form that is asked for is spoken.', 'Ask for JSON or YAML.'],
  AlreadyExists: ['There is one of that name.', '`nexus apply` changes it, or choose another name.'],
  Conflict: [
    'Somebody changed it meanwhile, or another manager owns the field.',
    'Read it again and try again; `--force-conflicts` takes fields over.',
  ],
  Gone: ['It was there once.', 'Read the list again.'],
  Expired: ['The list or watch went on from too long ago.', 'Begin anew; clients do so by themselves.'],
  RequestEntityTooLarge: ['The object is too large.', 'Put less into it.'],
  UnsupportedMediaType: [
    'The body is of a type that is not read here.',
    'JSON or YAML; no strategic merge for our kinds.',
  ],
  Invalid: [
    'The object breaks rules of its kind.',
    '`details.causes` names each field; `nexus explain KIND.FIELD`.',
  ],
  TooManyRequests: ['The server is busy.', 'Wait; clients do so by themselves.'],
  InternalError: ['Something went wrong in the server.', 'Look into its log.'],
  ServiceUnavailable: ['The server is starting, stopping or restoring.', 'Try again in a moment.'],
  Timeout: ['It took too long.', 'Try again.'],
  Unreachable: [
    'The server does not answer (said by the client).',
    '`nexus doctor`; is it running, and the address right?',
  ],
};
