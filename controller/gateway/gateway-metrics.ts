import type { Metrics } from '../kit/metrics.ts';

export interface GatewayMetrics {
  /** A connection or channel that was not let in, by reason. */
  refused(reason: string): void;
  loggedIn(kind: string): void;
  opened(kind: string): void;
  closed(kind: string): void;
  channelOpened(kind: string): void;
  channelClosed(kind: string): void;
  bytes(direction: 'in' | 'out', count: number): void;
}

export function gatewayMetrics(metrics: Metrics, pending: () => number): GatewayMetrics {
  const refusals = metrics.counter(
    'nexus_gateway_refusals_total',
    'Connections, logins and channels that the gateway refused, by reason.',
    ['reason'],
  );
  const logins = metrics.counter('nexus_gateway_logins_total', 'Logins at the gateway.', ['kind']);
  const connections = metrics.gauge(
    'nexus_gateway_connections',
    'Connections that stand, by who is at their other end; pending: not logged in yet.',
    ['kind'],
  );
  const channels = metrics.gauge(
    'nexus_gateway_channels',
    'Open channels: of users, and of agents to the API.',
    ['kind'],
  );
  const total = metrics.counter(
    'nexus_gateway_bytes_total',
    'Bytes of users’ channels: in from users, out to them.',
    ['direction'],
  );
  metrics.onCollect(() => connections.set({ kind: 'pending' }, pending()));
  return {
    refused: reason => refusals.inc({ reason }),
    loggedIn: kind => logins.inc({ kind }),
    opened: kind => connections.inc({ kind }),
    closed: kind => connections.dec({ kind }),
    channelOpened: kind => channels.inc({ kind }),
    channelClosed: kind => channels.dec({ kind }),
    bytes: (direction, count) => total.inc({ direction }, count),
  };
}
