import { EVENT } from '../../crds/kinds.ts';
import type { Event, KubeList } from '../../crds/object.ts';
import type { Command, Flags } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { eventLines, eventTime } from '../output/events.ts';
import { resolveResource } from '../resources.ts';
import { followList } from '../wait/follow-list.ts';

/** Events remembered as printed, so that none is printed twice. */
const MAX_TOLD = 5000;

interface EventsFlags extends Flags {
  for?: string;
  allNamespaces: boolean;
  watch: boolean;
  types?: string;
}

export const events: Command = {
  usage: 'events',
  describe: 'What happened, oldest first',
  examples: [
    ['nexus events --for ws/shop', 'to one workspace'],
    ['nexus events -A -w', 'everywhere, and go on'],
  ],
  build: yargs =>
    yargs
      .option('for', { type: 'string', describe: 'About KIND/NAME alone' })
      .option('types', { type: 'string', choices: ['Normal', 'Warning'], describe: 'Of this type alone' })
      .option('all-namespaces', {
        alias: 'A',
        type: 'boolean',
        default: false,
        describe: 'Of all namespaces',
      })
      .option('watch', { alias: 'w', type: 'boolean', default: false, describe: 'Go on' }),

  async run(raw, context) {
    const flags = raw as EventsFlags;
    const client = await context.client();
    const selectors = flags.types ? [`type=${flags.types}`] : [];
    if (flags.for) {
      const [kind, name] = flags.for.split('/');
      if (!kind || !name) throw usageError(`--for takes KIND/NAME, not "${flags.for}"`);
      selectors.push(
        `involvedObject.kind=${(await resolveResource(kind, context.client, context.signal)).kind}`,
        `involvedObject.name=${name}`,
      );
    }
    const namespace = flags.allNamespaces ? undefined : await context.namespace();
    const fieldSelector = selectors.join(',');
    const query = { ...(namespace && { namespace }), ...(fieldSelector && { fieldSelector }) };
    let isHeaderDue = true;
    const print = (items: Event[]) => {
      for (const line of eventLines(items, context, { withObject: true, header: isHeaderDue }))
        context.print(line);
      isHeaderDue = false;
    };
    if (!flags.watch) {
      const { items } = await client.list(EVENT, { ...query, signal: context.signal });
      if (items.length > 0) print(inOrder(items));
      else context.note('no events');
      return EXIT.done;
    }
    const told = new Set<string>();
    const accept = 'application/json';
    for await (const item of followList<KubeList<Event>>(client, EVENT, { ...query, accept }, context)) {
      // After a list again, only what is news.
      const items = item.type === 'LIST' ? inOrder(item.list.items) : [item.object as Event];
      if (item.type === 'DELETED') continue;
      const news = items.filter(({ metadata }) => !told.has(`${metadata.uid}/${metadata.resourceVersion}`));
      for (const { metadata } of news) told.add(`${metadata.uid}/${metadata.resourceVersion}`);
      for (const key of told) if (told.size > MAX_TOLD) told.delete(key);
      if (news.length > 0) print(news);
    }
    return EXIT.done;
  },
};

function inOrder(events: Event[]): Event[] {
  return events.sort((a, b) => (eventTime(a) < eventTime(b) ? -1 : 1));
}
