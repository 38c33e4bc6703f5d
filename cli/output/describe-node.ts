import type { Client } from '../../controller/client/client.ts';
import { formatCpuMillis } from '../../controller/kit/quantity.ts';
import { PLACEMENT } from '../../crds/kinds.ts';
import { nodeNamespace } from '../../crds/names.ts';
import type { Node, NodeStatus, PlacementSpec } from '../../crds/types.generated.ts';
import { amountWord, statusWords, taintWord } from '../node/node-facts.ts';
import { alignColumns } from './columns.ts';
import { fields, indent } from './fields.ts';

const RESOURCES = ['cpu', 'memory', 'disk'] as const;

/** What `describe` tells of a node, but for its metadata, conditions and events. */
export async function nodeLines(client: Client, node: Node, signal: AbortSignal): Promise<string[]> {
  const { spec = {}, status = {}, metadata } = node;
  const { versions = {} } = status;
  const { items } = await client.list(PLACEMENT, { namespace: nodeNamespace(metadata.name), signal });
  const { ssh = { from: 2222, to: 2299 }, services = { from: 23_000, to: 30_000 } } = spec.ports ?? {};
  return [
    ...fields([
      ['Status', statusWords(node)],
      ['Address', spec.address ?? status.address],
      ['Agent', versions.agent],
      ['System', [versions.os, versions.kernel, versions.arch].filter(Boolean).join(', ')],
      ['Agent keys', String(spec.agentKeys?.length ?? 0)],
      ['Taints', spec.taints?.map(taintWord).join(', ')],
      ['Ports', `ssh ${ssh.from}-${ssh.to}, services ${services.from}-${services.to}`],
      ['Images', status.images?.length ? String(status.images.length) : undefined],
    ]),
    ...section('Drivers', [
      ['NAME', 'READY', 'VERSION', 'MESSAGE'],
      ...(status.drivers ?? []).map(({ name, ready, version = '', message = '' }) => [
        name,
        String(ready),
        version,
        message,
      ]),
    ]),
    ...section('Resources', [['RESOURCE', 'CAPACITY', 'ALLOCATABLE', 'ALLOCATED'], ...amounts(status)]),
    ...section('Workspaces', [
      ['NAMESPACE', 'NAME', 'DRIVER', 'CPU', 'MEMORY', 'SSH', 'WANTED'],
      ...items.map(({ spec: placed, metadata: { deletionTimestamp } }) => [
        placed.workspace.namespace,
        placed.workspace.name,
        placed.driver,
        cpuOf(placed.resources),
        memoryOf(placed.resources),
        String(placed.ssh.port),
        deletionTimestamp ? 'gone' : (placed.evictedBy ?? (placed.running ? 'running' : 'stopped')),
      ]),
    ]),
  ];
}

type Limits = PlacementSpec['resources'];

const cpuOf = (limits: Limits) => (limits?.cpuMillis === undefined ? '-' : formatCpuMillis(limits.cpuMillis));

const memoryOf = (limits: Limits) =>
  limits?.memoryBytes === undefined ? '-' : amountWord('memory', String(limits.memoryBytes));

function amounts({ capacity, allocatable, allocated }: NodeStatus): string[][] {
  return RESOURCES.map(name => [
    name,
    amountWord(name, capacity?.[name]),
    amountWord(name, allocatable?.[name]),
    amountWord(name, allocated?.[name] ?? '0'),
  ]);
}

/** A table under a title; a word when it is empty. */
function section(title: string, [header = [], ...rows]: string[][]): string[] {
  return rows.length > 0
    ? ['', `${title}:`, ...indent(alignColumns([header, ...rows]))]
    : ['', `${title}:  none`];
}
