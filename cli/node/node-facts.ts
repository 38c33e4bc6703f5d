import { formatCpuMillis, parseBytes, parseCpuMillis } from '../../controller/kit/quantity.ts';
import type { Node, NodeStatus } from '../../crds/types.generated.ts';

const UNITS = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];

/** `Ready`, `NotReady`, `Unknown` or `Deleting`, and what keeps workspaces off: `Ready,SchedulingDisabled,Draining`. */
export function statusWords({ metadata, spec, status }: Node): string {
  const condition = (type: string) => status?.conditions?.find(one => one.type === type);
  const word = { True: 'Ready', False: 'NotReady', Unknown: 'Unknown' }[
    condition('Ready')?.status ?? 'Unknown'
  ];
  const drained = spec?.drain && (condition('Drained')?.status === 'True' ? 'Drained' : 'Draining');
  return [
    metadata.deletionTimestamp ? 'Deleting' : word,
    spec?.unschedulable && 'SchedulingDisabled',
    drained,
  ]
    .filter(Boolean)
    .join(',');
}

/** Names of its drivers, those that do not work marked. */
export function driverWords({ status }: Node): string {
  return (
    (status?.drivers ?? []).map(({ name, ready }) => (ready ? name : `${name}(down)`)).join(',') || '<none>'
  );
}

/** An amount for people: `12.4Gi`, `1500m`. */
export function amountWord(resource: 'cpu' | 'memory' | 'disk', quantity: string | undefined): string {
  if (quantity === undefined) return '?';
  if (resource === 'cpu') {
    const millis = parseCpuMillis(quantity);
    return millis === undefined ? quantity : formatCpuMillis(millis);
  }
  let left = parseBytes(quantity);
  if (left === undefined) return quantity;
  let unit = 0;
  for (; left >= 1024 && unit < UNITS.length - 1; unit++) left /= 1024;
  return `${Number(left.toFixed(left < 10 ? 1 : 0))}${UNITS[unit]}`;
}

/** What is set aside of what may be: `1500m/8`. */
export function usageWord(resource: 'cpu' | 'memory' | 'disk', status: NodeStatus | undefined): string {
  const of = status?.allocatable?.[resource] ?? status?.capacity?.[resource];
  return `${amountWord(resource, status?.allocated?.[resource] ?? '0')}/${amountWord(resource, of)}`;
}

/** A taint as it is written on a command line. */
export function taintWord({ key, value, effect }: { key: string; value?: string; effect: string }): string {
  return `${key}${value ? `=${value}` : ''}:${effect}`;
}
