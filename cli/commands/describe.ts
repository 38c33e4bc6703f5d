import { isApiError } from '../../controller/kit/errors.ts';
import { NODE, PLACEMENT, type Resource, WORKSPACE } from '../../crds/kinds.ts';
import { nodeNamespace } from '../../crds/names.ts';
import type { Condition, KubeObject } from '../../crds/object.ts';
import type { Node, Workspace } from '../../crds/types.generated.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { EXIT } from '../errors.ts';
import { ageOf } from '../output/age.ts';
import { alignColumns } from '../output/columns.ts';
import { nodeLines } from '../output/describe-node.ts';
import { eventLines, eventsAbout } from '../output/events.ts';
import { fields, indent } from '../output/fields.ts';
import { toYaml } from '../output/yaml.ts';
import { selections } from '../selections.ts';

export const describe: Command = {
  usage: 'describe <resource> [names..]',
  describe: 'Tell all about objects: what is wanted, what is observed, what happened',
  examples: [['nexus describe ws shop', 'why is it not ready?']],
  build: yargs =>
    yargs
      .positional('resource', { type: 'string', demandOption: true, describe: 'Kind or KIND/NAME' })
      .positional('names', {
        type: 'string',
        array: true,
        default: [],
        describe: 'Names; none: all of the kind in the namespace',
      }),

  async run(raw, context) {
    const flags = raw as Flags & { resource: string; names: string[] };
    const client = await context.client();
    const namespace = await context.namespace();
    let exit: number = EXIT.done;
    let first = true;
    for (const { resource, name } of await selections([flags.resource, ...flags.names], context)) {
      const scope = resource.namespaced ? namespace : undefined;
      try {
        const objects =
          name !== undefined
            ? [await client.get(resource, { name, namespace: scope }, context.signal)]
            : (await client.list(resource, { namespace: scope, signal: context.signal })).items;
        for (const object of objects) {
          if (!first) context.print('\n');
          first = false;
          for (const line of await describeObject(resource, object, context)) context.print(line);
        }
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
        context.note(`error: ${error.message}`);
        exit = EXIT.notFound;
      }
    }
    return exit;
  },
};

async function describeObject(
  resource: Resource,
  object: KubeObject,
  context: CommandContext,
): Promise<string[]> {
  const client = await context.client();
  const body = await bodyLines(resource, object, context);
  const events = await eventsAbout(client, object, context.signal);
  return [
    ...metadataLines(object, context),
    ...body,
    '',
    ...(events.length > 0
      ? ['Events:', ...indent(eventLines(events, context, { withObject: false, header: true }))]
      : ['Events:  none']),
  ];
}

async function bodyLines(resource: Resource, object: KubeObject, context: CommandContext): Promise<string[]> {
  if (resource.kind === WORKSPACE.kind) return workspaceLines(object as Workspace);
  if (resource.kind !== NODE.kind || resource.group !== NODE.group) return genericLines(object);
  const node = object as Node;
  const lines = await nodeLines(await context.client(), node, context.signal);
  return [...lines, ...conditionLines(node.status?.conditions as Condition[] | undefined)];
}

function metadataLines({ metadata }: KubeObject, context: CommandContext): string[] {
  const pairs = (record: Record<string, string> | undefined) =>
    Object.entries(record ?? {})
      .filter(([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration')
      .map(([key, value]) => `${key}=${value}`)
      .join(', ') || 'none';
  return fields([
    ['Name', metadata.name],
    ['Namespace', metadata.namespace],
    ['Labels', pairs(metadata.labels)],
    ['Annotations', pairs(metadata.annotations)],
    ['Age', metadata.creationTimestamp && ageOf(metadata.creationTimestamp, context.clock.now())],
    [
      'Being deleted',
      metadata.deletionTimestamp &&
        `since ${ageOf(metadata.deletionTimestamp, context.clock.now())}; waits for ${metadata.finalizers?.join(', ')}`,
    ],
  ]);
}

function workspaceLines({ spec, status = {}, metadata }: Workspace): string[] {
  const current =
    status.observedGeneration === metadata.generation ? '' : ' (of an earlier spec; being looked at)';
  const lines = fields([
    ['Phase', `${status.phase ?? 'Pending'}${current}`],
    ['Message', status.message],
    ['Node', status.nodeName],
    ['Image', status.image ?? spec.image],
    ['SSH', status.ssh?.endpoint && `${status.ssh.user}@${status.ssh.endpoint}`],
    [
      'Repository',
      spec.repo &&
        [
          spec.repo.url,
          spec.repo.ref,
          status.repository?.commit?.slice(0, 12),
          status.repository?.dirty ? 'with changes' : '',
        ]
          .filter(Boolean)
          .join(' · '),
    ],
    [
      'Resources',
      Object.entries(spec.resources ?? {})
        .map(([key, value]) => `${key} ${value}`)
        .join(', '),
    ],
    ['Restarted', spec.running === false ? 'stopped by its owner' : undefined],
  ]);
  if (spec.services?.length) {
    const rows = spec.services.map(({ name, port }) => {
      const seen = status.services?.find(service => service.name === name);
      return [
        name,
        seen?.state ?? 'Pending',
        seen?.health ?? '-',
        port ? `${port}${seen?.hostPort ? ` → ${seen.hostPort}` : ''}` : '-',
        String(seen?.restarts ?? 0),
        seen?.url ?? '',
        seen?.message ?? '',
      ];
    });
    lines.push(
      '',
      'Services:',
      ...indent(alignColumns([['NAME', 'STATE', 'HEALTH', 'PORT', 'RESTARTS', 'URL', 'MESSAGE'], ...rows])),
    );
  }
  if (spec.ports?.length) {
    const rows = spec.ports.map(({ name, port, exposure }) => {
      const seen = status.ports?.find(one => one.name === name);
      return [
        name,
        `${port}${seen?.hostPort ? ` → ${seen.hostPort}` : ''}`,
        exposure ?? 'Private',
        seen?.state ?? 'Pending',
        seen?.message ?? '',
      ];
    });
    lines.push(
      '',
      'Ports:',
      ...indent(alignColumns([['NAME', 'PORT', 'EXPOSURE', 'STATE', 'MESSAGE'], ...rows])),
    );
  }
  lines.push(...conditionLines(status.conditions));
  if (status.nodeName && status.placementName)
    lines.push(
      '',
      `Placement:  ${PLACEMENT.kind} ${status.placementName} in ${nodeNamespace(status.nodeName)}`,
    );
  return lines;
}

function conditionLines(conditions: Condition[] | undefined): string[] {
  if (!conditions?.length) return [];
  return [
    '',
    'Conditions:',
    ...indent(
      alignColumns([
        ['TYPE', 'STATUS', 'REASON', 'MESSAGE'],
        ...conditions.map(c => [c.type, c.status, c.reason, c.message]),
      ]),
    ),
  ];
}

/** Anything else: its own fields as YAML, secrets as sizes. */
function genericLines(object: KubeObject): string[] {
  const {
    apiVersion: _a,
    kind,
    metadata: _m,
    status,
    ...rest
  } = object as KubeObject & { status?: { conditions?: Condition[] }; data?: Record<string, string> };
  const shown =
    kind === 'Secret'
      ? {
          ...rest,
          data: Object.fromEntries(
            Object.entries(rest.data ?? {}).map(([key, value]) => [
              key,
              `${Buffer.from(value, 'base64').length} bytes`,
            ]),
          ),
        }
      : rest;
  const { conditions, ...observed } = status ?? {};
  const sections = { ...shown, ...(Object.keys(observed).length > 0 && { status: observed }) };
  return [
    ...(Object.keys(sections).length > 0 ? ['', ...toYaml(sections).trimEnd().split('\n')] : []),
    ...conditionLines(conditions),
  ];
}
