import { request } from 'node:https';
import type { RestLab } from './rest-lab.ts';

export interface Told {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

/** A client of server-sent events. */
export function listen({ url, ca, adminToken }: RestLab, lastId?: string) {
  const told: Told[] = [];
  const sent = request(`${url}/api/v1/events`, {
    ca,
    headers: {
      accept: 'text/event-stream',
      authorization: `Bearer ${adminToken}`,
      ...(lastId !== undefined && { 'last-event-id': lastId }),
    },
  });
  const open = Promise.withResolvers<void>();
  sent.on('response', response => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', chunk => {
      text += chunk;
      open.resolve();
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      for (const part of parts) {
        const [, id, event, data] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(part) ?? [];
        if (id !== undefined && event && data) told.push({ id, event, data: JSON.parse(data) });
      }
    });
    response.on('error', () => {});
  });
  sent.on('error', () => {});
  sent.end();
  return { told, open: open.promise, close: () => sent.destroy() };
}
