import { PROVIDERS } from '../repo-config/repo-config.ts';
import { COMMAND_NAMES, COMMAND_STATUSES } from './views/command-view.ts';
import { NODE_STATUSES } from './views/node-view.ts';
import { HEALTHS, SERVICE_STATUSES, WORKSPACE_STATUSES } from './views/workspace-view.ts';

/** JSON Schemas of bodies and answers: validation, serialisation and the OpenAPI document come of them alone. */
export const text = { type: 'string' } as const;
const nullable = (schema: { type: string }) => ({ ...schema, type: [schema.type, 'null'] }) as const;
const maybeText = nullable(text);
const integer = { type: 'integer' } as const;
const maybeInteger = nullable(integer);
const texts = { type: 'array', items: text } as const;
const time = { type: 'string', description: 'RFC 3339, UTC.' } as const;
const maybeTime = nullable(time);
export const port = { type: 'integer', minimum: 1, maximum: 65_535 } as const;

export function object<T extends Record<string, unknown>>(
  properties: T,
  required: (keyof T)[] = Object.keys(properties),
) {
  return { type: 'object', required, properties } as const;
}

/** A body: nothing that is not known, so that a misspelt key is told. */
export function body<T extends Record<string, unknown>>(properties: T, required: (keyof T)[]) {
  return { ...object(properties, required), additionalProperties: false } as const;
}

export const WORKSPACE_NAME = {
  type: 'string',
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
  maxLength: 63,
} as const;
export const GITHUB_LOGIN = {
  type: 'string',
  pattern: '^[A-Za-z0-9]([-_A-Za-z0-9]*[A-Za-z0-9])?$',
  maxLength: 64,
} as const;
export const FINGERPRINT = { type: 'string', pattern: '^SHA256:[A-Za-z0-9+/]{43}$' } as const;
export const PROVIDER = { type: 'string', description: PROVIDERS.join(' or ') } as const;

export const ERROR = object({
  error: { ...text, description: 'A code that stays the same.' },
  message: { ...text, description: 'One sentence that says what to do.' },
  details: { type: 'object', additionalProperties: true },
  status: integer,
  request_id: text,
});

export const LOGIN = object({
  token: { ...text, description: 'For this API and the Kubernetes API.' },
  expires_at: time,
  expires_in: { ...integer, description: 'Seconds, for clients whose clock is another.' },
  user: text,
  namespace: { ...text, description: "Of the user's workspaces." },
});
export const LOGIN_INFO = object({
  authority: { ...text, description: 'Certificate, PEM. Compare its fingerprint before you rely on it.' },
  authority_fingerprint: {
    ...text,
    description: 'SHA-256, as `openssl x509 -fingerprint -sha256` prints it.',
  },
  github_host: text,
  registration: { type: 'string', enum: ['open', 'closed'] },
});

export const SSH_KEY = object({ name: text, fingerprint: text, type: text });
export const USER = object({
  user_id: text,
  name: text,
  github_username: maybeText,
  role: { type: 'string', enum: ['admin', 'member', 'viewer'] },
  ssh_pubkey_fingerprint: maybeText,
  ssh_keys: { type: 'array', items: SSH_KEY },
  registered_at: time,
  workspaces: texts,
});

const WORKSPACE_STATUS = { type: 'string', enum: [...WORKSPACE_STATUSES] };
export const SERVICE = object({
  name: text,
  status: { type: 'string', enum: [...SERVICE_STATUSES] },
  health: { type: 'string', enum: [...HEALTHS] },
  port: maybeInteger,
  mapped_port: maybeInteger,
  url: maybeText,
  last_check: maybeTime,
});
export const WORKSPACE_ITEM = object({
  workspace_id: text,
  name: text,
  owner: text,
  status: WORKSPACE_STATUS,
  provider: text,
  ssh_port: maybeInteger,
  created_at: time,
  services_count: integer,
});
export const WORKSPACE = object({
  workspace_id: text,
  owner: text,
  name: text,
  status: WORKSPACE_STATUS,
  message: maybeText,
  provider: text,
  ssh: object({ host: maybeText, port: maybeInteger, user: text, key_required: { type: 'boolean' } }),
  services: { type: 'object', additionalProperties: SERVICE },
  repository: {
    ...object({ owner: maybeText, name: maybeText, branch: maybeText, commit: maybeText, url: text }),
    type: ['object', 'null'],
  },
  node: maybeText,
  created_at: time,
  updated_at: time,
});
export const WORKSPACE_CREATED = object(
  {
    workspace_id: text,
    status: { type: 'string', enum: ['creating'] },
    ssh_port: maybeInteger,
    polling_url: text,
    estimated_time_seconds: integer,
    created_at: time,
    fork_created: { type: 'boolean' },
    fork_url: text,
  },
  ['workspace_id', 'status', 'ssh_port', 'polling_url', 'estimated_time_seconds', 'created_at'],
);
export const NODE = object({
  id: text,
  name: text,
  provider: maybeText,
  status: { type: 'string', enum: [...NODE_STATUSES] },
  address: maybeText,
  port: integer,
  labels: { type: 'object', additionalProperties: text },
  capabilities: texts,
  last_seen: maybeTime,
  created_at: time,
  updated_at: time,
});
export const COMMAND = object({
  id: text,
  node_id: text,
  command: { type: 'string', enum: [...COMMAND_NAMES] },
  status: { type: 'string', enum: [...COMMAND_STATUSES] },
  output: maybeText,
  error: maybeText,
  duration_ms: { type: ['integer', 'null'] },
  created_at: time,
  finished_at: maybeTime,
});
export const HEALTH = object({
  status: { type: 'string', enum: ['ok'] },
  timestamp: time,
  uptime_seconds: integer,
  nodes: {
    type: 'object',
    additionalProperties: object({
      status: { type: 'string', enum: [...NODE_STATUSES] },
      last_heartbeat: maybeTime,
      workspaces: integer,
    }),
  },
  version: text,
});
