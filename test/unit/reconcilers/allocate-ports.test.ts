import t from 'tap';
import { allocatePorts, type PortRequest } from '../../../controller/reconcilers/workspace/allocate-ports.ts';

const forward = (name: string, port: number) => ({ name, port, exposure: 'Private' as const });
const ranges = { ssh: { from: 2222, to: 2224 }, services: { from: 23000, to: 23002 } };
const request = (
  changes: Partial<PortRequest> & { taken?: number[]; lost?: number[] } = {},
): PortRequest => ({
  forwards: [],
  ranges,
  isTaken: port => changes.taken?.includes(port) ?? false,
  isLost: port => changes.lost?.includes(port) ?? false,
  ...changes,
});
const web = forward('web', 80);
const db = forward('db', 5432);
const had = { ssh: 2223, forwards: [{ ...web, hostPort: 23001 }] };

const cases: { reason: string; request: PortRequest; want: unknown }[] = [
  {
    reason: 'the lowest free port of each range',
    request: request({ forwards: [web, db], taken: [2222, 23001] }),
    want: {
      ssh: 2223,
      forwards: [
        { ...web, hostPort: 23000 },
        { ...db, hostPort: 23002 },
      ],
    },
  },
  {
    reason: 'what was given stays given, by name, and the new one gets another',
    request: request({ forwards: [db, web], existing: had }),
    want: {
      ssh: 2223,
      forwards: [
        { ...db, hostPort: 23000 },
        { ...web, hostPort: 23001 },
      ],
    },
  },
  {
    reason: 'a changed port in the workspace keeps its port on the node',
    request: request({ forwards: [forward('web', 8080)], existing: had }),
    want: { ssh: 2223, forwards: [{ ...forward('web', 8080), hostPort: 23001 }] },
  },
  {
    reason: 'what was given stays though the range moved away',
    request: request({
      forwards: [web],
      existing: had,
      ranges: { ssh: { from: 1, to: 2 }, services: { from: 3, to: 4 } },
    }),
    want: { ssh: 2223, forwards: [{ ...web, hostPort: 23001 }] },
  },
  {
    reason: 'a lost port is given up and not given again',
    request: request({ forwards: [web], existing: had, lost: [2223, 23001], taken: [2223, 23001] }),
    want: { ssh: 2222, forwards: [{ ...web, hostPort: 23000 }] },
  },
  {
    reason: 'a removed forward frees its port for a new one of the same workspace',
    request: request({ forwards: [db], existing: had, taken: [23000, 23002] }),
    want: { ssh: 2223, forwards: [{ ...db, hostPort: 23001 }] },
  },
  {
    reason: 'one port never goes to SSH and a forward, where the ranges overlap',
    request: request({ forwards: [web], ranges: { ssh: { from: 7, to: 8 }, services: { from: 7, to: 8 } } }),
    want: { ssh: 7, forwards: [{ ...web, hostPort: 8 }] },
  },
  {
    reason: 'a port that an old placement gave twice is kept once',
    request: request({
      forwards: [web, db],
      existing: {
        ssh: 2222,
        forwards: [
          { ...web, hostPort: 23000 },
          { ...db, hostPort: 23000 },
        ],
      },
    }),
    want: {
      ssh: 2222,
      forwards: [
        { ...web, hostPort: 23000 },
        { ...db, hostPort: 23001 },
      ],
    },
  },
  {
    reason: 'a full SSH range is told',
    request: request({ taken: [2222, 2223, 2224] }),
    want: { exhausted: 'ssh', range: ranges.ssh },
  },
  {
    reason: 'a full service range is told, though the others of the workspace had room',
    request: request({ forwards: [web, db, forward('x', 1), forward('y', 2)] }),
    want: { exhausted: 'services', range: ranges.services },
  },
];

for (const { reason, request, want } of cases)
  t.test(reason, async t => t.same(allocatePorts(request), want));
