import { EVENT } from '../../crds/kinds.ts';
import type { Event } from '../../crds/object.ts';
import type { Command, Flags } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { eventLines, eventTime } from '../output/events.ts';
import { resolveResource } from '../resources.ts';

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
    const query = {
      namespace: flags.allNamespaces ? undefined : await context.namespace(),
      ...(selectors.length > 0 && { fieldSelector: selectors.join(',') }),
      signal: context.signal,
    };
    const list = await client.list(EVENT, query);
    const sorted = list.items.sort((a, b) => (eventTime(a) < eventTime(b) ? -1 : 1));
    const print = (items: Event[], header: boolean) => {
      for (const line of eventLines(items, context, { withObject: true, header })) context.print(line);
    };
    if (sorted.length > 0) print(sorted, true);
    else if (!flags.watch) context.note('no events');
    if (!flags.watch) return EXIT.done;
    const watch = client.watch(EVENT, { ...query, resourceVersion: list.metadata.resourceVersion });
    for await (const event of watch)
      if (event.type === 'ADDED' || event.type === 'MODIFIED') print([event.object], false);
    return EXIT.done;
  },
};
