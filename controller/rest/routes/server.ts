import { NODE } from '../../../crds/kinds.ts';
import { timestamp } from '../../kit/clock.ts';
import type { Route } from '../route.ts';
import { HEALTH } from '../schemas.ts';
import { heartbeatOf } from '../surroundings.ts';
import { nodeStatus } from '../views/node-view.ts';

export const SERVER_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    url: '/health',
    summary: 'Whether the server works, and what it hears of its nodes',
    tag: 'server',
    isPublic: true,
    answers: { 200: HEALTH },
    async handle({ context }) {
      const { client, clock, version, startedAt } = context;
      const { items } = await client.list(NODE);
      const nodes = await Promise.all(
        items.map(async node => [
          node.metadata.name,
          {
            status: nodeStatus(node),
            last_heartbeat: (await heartbeatOf(client, node.metadata.name)) ?? null,
            workspaces: node.status?.allocated?.workspaces ?? 0,
          },
        ]),
      );
      return {
        status: 'ok',
        timestamp: timestamp(clock.now()),
        uptime_seconds: Math.floor((clock.now() - startedAt) / 1000),
        nodes: Object.fromEntries(nodes),
        version,
      };
    },
  },
];
