/** Version of `.nexus/config.yaml` that this program reads. */
export const CONFIG_VERSION = '1.0';
/** Where a repository keeps it. */
export const CONFIG_PATH = '.nexus/config.yaml';

const SERVICE_NAME = '^[a-zA-Z][a-zA-Z0-9_-]*$';
const ENV_NAME = '^[A-Za-z_][A-Za-z0-9_]*$';

const port = { type: 'integer', minimum: 1, maximum: 65535 };
const seconds = (what: string, fallback: number) => ({
  type: ['number', 'string'],
  exclusiveMinimum: 0,
  description: `${what}: seconds, or a duration (10s, 1m30s). Defaults to ${fallback} s.`,
});
const amount = (what: string) => ({
  type: 'string',
  minLength: 1,
  description: `${what}: 4GB, 4Gi, 4096M.`,
});
const env = {
  type: 'object',
  propertyNames: { pattern: ENV_NAME },
  maxProperties: 256,
  additionalProperties: { type: ['string', 'number', 'boolean'] },
  description: 'Environment variables.',
};
const limits = {
  image: { type: 'string', minLength: 1, maxLength: 512, description: 'Image of the container.' },
  cpu: { type: ['number', 'string'], exclusiveMinimum: 0, description: 'Processor cores.' },
  memory: amount('Memory'),
  disk: amount('Disk of the home volume'),
};
const limitsOf = (name: string) => ({
  type: 'object',
  additionalProperties: false,
  properties: limits,
  description: `Image and resources when the workspace runs on ${name}.`,
});
const command = (what: string) => ({
  type: 'string',
  minLength: 1,
  maxLength: 65_536,
  description: what,
});
const timing = {
  timeout: seconds('How long a check may take', 5),
  interval: seconds('Time between checks', 10),
  retries: {
    type: 'integer',
    minimum: 1,
    maximum: 100,
    description: 'Failures in a row after which the service is unhealthy. Defaults to 3.',
  },
};

const service = {
  type: 'object',
  additionalProperties: false,
  required: ['command'],
  properties: {
    command: command('Shell command that runs the service in the foreground.'),
    port: { ...port, description: 'TCP port that it listens on.' },
    depends_on: {
      type: 'array',
      maxItems: 64,
      items: { type: 'string' },
      description: 'Services that must be healthy before this one is started.',
    },
    env,
    environment: { ...env, description: 'The same as env.' },
    health_check: {
      type: ['string', 'object'],
      additionalProperties: false,
      properties: {
        type: { enum: ['http', 'tcp', 'exec'], description: 'Defaults to what the other keys say.' },
        path: { type: 'string', pattern: '^/', description: 'Path of an HTTP check. Defaults to /.' },
        port: { ...port, description: "Port to check. Defaults to the service's." },
        command: {
          type: ['string', 'array'],
          minLength: 1,
          minItems: 1,
          items: { type: 'string' },
          description: 'Command of an exec check, a shell line or its words.',
        },
        ...timing,
      },
      description: 'How to tell that the service works; a URL for an HTTP check.',
    },
    healthcheck: {
      type: 'object',
      deprecated: true,
      additionalProperties: false,
      required: ['url'],
      properties: { url: { type: 'string' }, ...timing },
      description: 'Older shape of health_check.',
    },
  },
};

/**
 * JSON Schema (2020-12) of `.nexus/config.yaml`, older shapes included. What it cannot say (dependencies, duplicate
 * ports, URLs) is checked by `readRepoConfig`.
 */
export const CONFIG_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://nexus.dev/schemas/config-1.0.json',
  title: 'Nexus workspace configuration',
  description: `A repository's own description of its workspace, in ${CONFIG_PATH}.`,
  type: 'object',
  additionalProperties: false,
  properties: {
    version: {
      enum: [CONFIG_VERSION, 1],
      description: 'Version of this format. Defaults to "1.0".',
    },
    name: {
      type: 'string',
      pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
      maxLength: 63,
      description: "Name of the workspace. Defaults to the repository's.",
    },
    description: { type: 'string', maxLength: 4096, description: 'For people.' },
    provider: { type: 'string', description: 'What runs the workspace: docker or lxc.' },
    env: { ...env, description: 'Environment of everything in the workspace.' },
    services: {
      type: 'object',
      maxProperties: 64,
      propertyNames: { pattern: SERVICE_NAME, maxLength: 63 },
      additionalProperties: service,
      description: 'Long-running processes by name.',
    },
    providers: {
      type: 'object',
      additionalProperties: false,
      properties: {
        default: { type: 'string', description: 'The provider where provider is not given.' },
        docker: limitsOf('Docker'),
        lxc: limitsOf('LXC'),
      },
      description: 'Image and resources by provider.',
    },
    lifecycle: {
      type: 'object',
      additionalProperties: false,
      properties: {
        pre_start: command('Before services are started.'),
        post_start: command('After services are healthy.'),
        pre_stop: command('Before the workspace is stopped.'),
      },
      description: 'Shell commands run in the repository.',
    },
    docker: { ...limitsOf('Docker'), deprecated: true },
    lxc: { ...limitsOf('LXC'), deprecated: true },
    hooks: {
      type: 'object',
      deprecated: true,
      additionalProperties: false,
      properties: {
        setup: command('Older name of lifecycle.pre_start.'),
        dev: command('Older way to declare a service named dev.'),
        teardown: command('Older name of lifecycle.pre_stop.'),
      },
      description: 'Older shape of lifecycle.',
    },
  },
} as const;
