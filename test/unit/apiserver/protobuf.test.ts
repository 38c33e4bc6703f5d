import fc from 'fast-check';
import t from 'tap';
import { decodeProtobuf } from '../../../controller/apiserver/protobuf/decode.ts';

/** A message, written by hand: field number and value. */
type Part = [number, string | number | boolean | Buffer];

function varint(value: number | bigint): Buffer {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? byte | 0x80 : byte);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function message(...parts: Part[]): Buffer {
  return Buffer.concat(
    parts.flatMap(([number, value]) => {
      if (typeof value === 'number' || typeof value === 'boolean')
        return [varint(number * 8), varint(Number(value))];
      const bytes = Buffer.from(value as string);
      return [varint(number * 8 + 2), varint(bytes.length), bytes];
    }),
  );
}

const envelope = (apiVersion: string, kind: string, raw: Buffer, ...more: Part[]) =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    message([1, message([1, apiVersion], [2, kind])], [2, raw], [3, ''], [4, ''], ...more),
  ]);
const entry = (key: string, value: string | Buffer) => message([1, key], [2, value]);

t.test('what kubectl sends becomes what its JSON would be', async t => {
  const metadata = message(
    [1, 'n'],
    [2, ''],
    [3, 'default'],
    [7, 0],
    [8, Buffer.alloc(0)],
    [10, 0],
    [11, entry('a', 'b')],
    [11, entry('c', '')],
    [13, message([1, 'Workspace'], [3, 'w'], [4, 'u'], [5, 'v1'], [6, true])],
    [14, 'x/y'],
    [17, message([1, 'kubectl'], [2, 'Update'], [4, message([1, 60])], [7, message([1, '{"f:data":{}}'])])],
    [99, 'unknown'],
    [98, 7],
  );
  const secret = message(
    [1, metadata],
    [2, entry('k', Buffer.from([0xff, 0]))],
    [3, 'Opaque'],
    [4, entry('s', 'text')],
    [5, false],
  );
  t.same(decodeProtobuf(envelope('v1', 'Secret', secret)), {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'n',
      namespace: 'default',
      deletionGracePeriodSeconds: 0,
      labels: { a: 'b', c: '' },
      ownerReferences: [{ kind: 'Workspace', name: 'w', uid: 'u', apiVersion: 'v1', controller: true }],
      finalizers: ['x/y'],
      managedFields: [
        { manager: 'kubectl', operation: 'Update', time: '1970-01-01T00:01:00Z', fieldsV1: { 'f:data': {} } },
      ],
    },
    data: { k: '/wA=' },
    type: 'Opaque',
    stringData: { s: 'text' },
    immutable: false,
  });
  const lease = message([2, message([1, 'me'], [2, 15], [4, message([1, 1], [2, 5000])], [5, 0])]);
  t.match(decodeProtobuf(envelope('coordination.k8s.io/v1', 'Lease', lease)), {
    spec: {
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      renewTime: '1970-01-01T00:00:01.000005Z',
      leaseTransitions: 0,
    },
  });
  const review = message([
    2,
    message(
      [3, 'eve'],
      [4, 'a'],
      [4, 'b'],
      [5, entry('team', message([1, 'x'], [1, 'y']))],
      [5, entry('none', Buffer.alloc(0))],
    ),
  ]);
  t.match(decodeProtobuf(envelope('authorization.k8s.io/v1', 'SubjectAccessReview', review)), {
    spec: { user: 'eve', groups: ['a', 'b'], extra: { team: ['x', 'y'], none: [] } },
  });
  const options = message([1, -1], [2, message([1, 'u'])], [3, true], [4, 'Orphan'], [5, 'All']);
  t.same(decodeProtobuf(envelope('v1', 'DeleteOptions', options)), {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    gracePeriodSeconds: -1,
    preconditions: { uid: 'u' },
    orphanDependents: true,
    propagationPolicy: 'Orphan',
    dryRun: ['All'],
  });
});

t.test('anything else is refused, never half read', async t => {
  const bad = (body: Buffer, what: string) =>
    t.throws(() => decodeProtobuf(body), { name: 'ApiError', reason: 'BadRequest' }, what);
  bad(Buffer.from('{}'), 'no magic');
  bad(envelope('v1', 'Pod', Buffer.alloc(0)), 'a kind that is not known');
  bad(envelope('v1', 'Secret', Buffer.alloc(0), [3, 'gzip']), 'compressed');
  bad(envelope('v1', 'Secret', Buffer.from([0x0b])), 'a group');
  bad(envelope('v1', 'Secret', Buffer.from([0x0a, 0x7f])), 'cut off');
  bad(envelope('v1', 'Secret', Buffer.from([0xff])), 'cut off in a number');
  bad(envelope('v1', 'Secret', Buffer.alloc(12, 0xff)), 'a number without end');
  bad(envelope('v1', 'Secret', Buffer.from([0x31, 1, 2])), 'cut off in what is passed over');
  bad(envelope('v1', 'Secret', message([2, entry('__proto__', 'x')])), '__proto__');
  bad(
    envelope('v1', 'Secret', message([1, message([8, message([1, 2 ** 52])])])),
    'a time beyond all calendars',
  );
  bad(
    envelope('v1', 'Secret', message([1, message([17, message([7, message([1, 'no'])])])])),
    'fields that are no JSON',
  );
  t.ok(
    decodeProtobuf(envelope('v1', 'Secret', Buffer.from([0x35, 1, 2, 3, 4, 0x31, 1, 2, 3, 4, 5, 6, 7, 8]))),
    'unknown fixed fields are passed over',
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
      try {
        decodeProtobuf(envelope('v1', 'Event', Buffer.from(bytes)));
      } catch (error) {
        if ((error as { reason?: string }).reason !== 'BadRequest') throw error;
      }
    }),
    { numRuns: 300 },
  );
});
