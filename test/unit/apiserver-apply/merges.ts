/** A manager applies a spec; with `!` it forces. */
export type Step = readonly [manager: 'one' | 'two' | 'three' | 'one!' | 'two!' | 'three!', spec: object];

export interface Merge {
  readonly reason: string;
  readonly steps: readonly Step[];
  /** What the spec is in the end; or the fields that the last step is refused for, each with its owner. */
  readonly spec?: object;
  readonly conflicts?: readonly string[];
  /** The leaves that each manager owns in the end, where that is the point. */
  readonly owners?: { readonly [manager: string]: readonly string[] };
}

const item = (name: string, more: object = {}) => ({ name, ...more });

/** The kinds of fields that the schema below has, and what becomes of each. */
export const MERGES: { readonly [kind: string]: readonly Merge[] } = {
  'a single value': [
    {
      reason: 'is added',
      steps: [
        ['one', {}],
        ['one', { a: '1' }],
      ],
      spec: { a: '1' },
    },
    {
      reason: 'is changed by its owner',
      steps: [
        ['one', { a: '1' }],
        ['one', { a: '2' }],
      ],
      spec: { a: '2' },
    },
    {
      reason: 'is removed with its last owner',
      steps: [
        ['one', { a: '1', b: '1' }],
        ['one', { b: '1' }],
      ],
      spec: { b: '1' },
    },
    {
      reason: 'is shared when the value is the same',
      steps: [
        ['one', { a: '1' }],
        ['two', { a: '1' }],
      ],
      spec: { a: '1' },
      owners: { one: ['a'], two: ['a'] },
    },
    {
      reason: 'stays while one of those who share it still says it',
      steps: [
        ['one', { a: '1', b: '1' }],
        ['two', { a: '1' }],
        ['one', { b: '1' }],
      ],
      spec: { a: '1', b: '1' },
      owners: { one: ['b'], two: ['a'] },
    },
    {
      reason: 'is refused to somebody else',
      steps: [
        ['one', { a: '1' }],
        ['two', { a: '2' }],
      ],
      conflicts: ['one .spec.a'],
    },
    {
      reason: 'is refused to one of those who share it, too',
      steps: [
        ['one', { a: '1' }],
        ['two', { a: '1' }],
        ['two', { a: '2' }],
      ],
      conflicts: ['one .spec.a'],
    },
    {
      reason: 'is refused for each of its owners',
      steps: [
        ['one', { a: '1' }],
        ['two', { a: '1' }],
        ['three', { a: '2' }],
      ],
      conflicts: ['one .spec.a', 'two .spec.a'],
    },
    {
      reason: 'goes over by force, and its former owner cannot remove it',
      steps: [
        ['one', { a: '1', b: '1' }],
        ['two!', { a: '2' }],
        ['one', { b: '1' }],
      ],
      spec: { a: '2', b: '1' },
      owners: { one: ['b'], two: ['a'] },
    },
    {
      reason: 'goes back by force',
      steps: [
        ['one', { a: '1' }],
        ['two!', { a: '2' }],
        ['one!', { a: '3' }],
      ],
      spec: { a: '3' },
      owners: { one: ['a'] },
    },
    {
      reason: 'moves when one takes it up before the other lets go',
      steps: [
        ['one', { a: '1', b: '1' }],
        ['two', { a: '1' }],
        ['one', { b: '1' }],
        ['two', { a: '2' }],
      ],
      spec: { a: '2', b: '1' },
      owners: { one: ['b'], two: ['a'] },
    },
    {
      reason: 'may be taken up by anybody once nobody owns it',
      steps: [
        ['one', { a: '1', b: '1' }],
        ['one', { b: '1' }],
        ['two', { a: '2' }],
      ],
      spec: { a: '2', b: '1' },
      owners: { one: ['b'], two: ['a'] },
    },
  ],
  'a map': [
    {
      reason: 'grows by keys of several',
      steps: [
        ['one', { map: { x: '1' } }],
        ['two', { map: { y: '2' } }],
      ],
      spec: { map: { x: '1', y: '2' } },
    },
    {
      reason: 'loses the keys that their owner says no more, and no others',
      steps: [
        ['one', { map: { x: '1', z: '1' } }],
        ['two', { map: { y: '2' } }],
        ['one', { map: { x: '1' } }],
      ],
      spec: { map: { x: '1', y: '2' } },
      owners: { one: ['map.x'], two: ['map.y'] },
    },
    {
      reason: 'stays for the keys of others when one says nothing of it',
      steps: [
        ['one', { map: { x: '1' } }],
        ['two', { map: { y: '2' } }],
        ['one', {}],
      ],
      spec: { map: { y: '2' } },
      owners: { one: [], two: ['map.y'] },
    },
    {
      reason: 'conflicts by key',
      steps: [
        ['one', { map: { x: '1' } }],
        ['two', { map: { x: '2', y: '2' } }],
      ],
      conflicts: ['one .spec.map.x'],
    },
  ],
  'an atomic map': [
    {
      reason: 'is replaced as a whole by its owner',
      steps: [
        ['one', { whole: { x: '1' } }],
        ['one', { whole: { y: '2' } }],
      ],
      spec: { whole: { y: '2' } },
    },
    {
      reason: 'is one field to others',
      steps: [
        ['one', { whole: { x: '1' } }],
        ['two', { whole: { y: '2' } }],
      ],
      conflicts: ['one .spec.whole'],
    },
    {
      reason: 'is shared when it is the same as a whole',
      steps: [
        ['one', { whole: { x: '1' } }],
        ['two', { whole: { x: '1' } }],
        ['one', {}],
      ],
      spec: { whole: { x: '1' } },
      owners: { one: [], two: ['whole'] },
    },
    {
      reason: 'goes over as a whole by force',
      steps: [
        ['one', { whole: { x: '1' } }],
        ['two!', { whole: { y: '2' } }],
      ],
      spec: { whole: { y: '2' } },
      owners: { two: ['whole'] },
    },
  ],
  'an atomic list': [
    {
      reason: 'is replaced as a whole by its owner',
      steps: [
        ['one', { list: ['x', 'y'] }],
        ['one', { list: ['y'] }],
      ],
      spec: { list: ['y'] },
    },
    {
      reason: 'is one field to others, in its order',
      steps: [
        ['one', { list: ['x', 'y'] }],
        ['two', { list: ['y', 'x'] }],
      ],
      conflicts: ['one .spec.list'],
    },
    {
      reason: 'is shared when it is the same as a whole',
      steps: [
        ['one', { list: ['x'] }],
        ['two', { list: ['x'] }],
        ['one', {}],
      ],
      spec: { list: ['x'] },
      owners: { one: [], two: ['list'] },
    },
    {
      reason: 'goes over as a whole by force',
      steps: [
        ['one', { list: ['x'] }],
        ['two!', { list: ['y'] }],
      ],
      spec: { list: ['y'] },
      owners: { two: ['list'] },
    },
  ],
  'a set': [
    {
      reason: 'is the values of all',
      steps: [
        ['one', { set: ['x'] }],
        ['two', { set: ['y'] }],
      ],
      spec: { set: ['x', 'y'] },
    },
    {
      reason: 'never conflicts: a value is there or not',
      steps: [
        ['one', { set: ['x', 'y'] }],
        ['two', { set: ['y', 'z'] }],
      ],
      spec: { set: ['x', 'y', 'z'] },
      owners: { one: ['set[x]', 'set[y]'], two: ['set[y]', 'set[z]'] },
    },
    {
      reason: 'loses a value with its last owner',
      steps: [
        ['one', { set: ['x', 'y'] }],
        ['two', { set: ['y'] }],
        ['one', { set: [] }],
      ],
      spec: { set: ['y'] },
      owners: { two: ['set[y]'] },
    },
  ],
  'a list of items with a key': [
    {
      reason: 'is the items of all',
      steps: [
        ['one', { items: [item('x')] }],
        ['two', { items: [item('y')] }],
      ],
      spec: { items: [item('x'), item('y')] },
    },
    {
      reason: 'merges the fields of one item from several',
      steps: [
        ['one', { items: [item('x', { v: '1' })] }],
        ['two', { items: [item('x', { w: '2' })] }],
      ],
      spec: { items: [item('x', { v: '1', w: '2' })] },
      owners: { one: ['items[x].name', 'items[x].v'], two: ['items[x].name', 'items[x].w'] },
    },
    {
      reason: 'keeps of an item what the other owns',
      steps: [
        ['one', { items: [item('x', { v: '1' })] }],
        ['two', { items: [item('x', { w: '2' })] }],
        ['one', { items: [] }],
      ],
      spec: { items: [item('x', { w: '2' })] },
      owners: { two: ['items[x].name', 'items[x].w'] },
    },
    {
      reason: 'loses an item with its last owner',
      steps: [
        ['one', { items: [item('x'), item('y')] }],
        ['two', { items: [item('y')] }],
        ['one', { items: [item('y')] }],
      ],
      spec: { items: [item('y')] },
    },
    {
      reason: 'conflicts by the field of an item',
      steps: [
        ['one', { items: [item('x', { v: '1' })] }],
        ['two', { items: [item('x', { v: '2' })] }],
      ],
      conflicts: ['one .spec.items[name="x"].v'],
    },
    {
      reason: 'lets one field of an item go over by force, and no other',
      steps: [
        ['one', { items: [item('x', { v: '1', w: '1' })] }],
        ['two!', { items: [item('x', { v: '2' })] }],
        ['one', { items: [] }],
      ],
      spec: { items: [item('x', { v: '2' })] },
      owners: { two: ['items[x].name', 'items[x].v'] },
    },
    {
      reason: 'has other items when the key changes',
      steps: [
        ['one', { items: [item('x', { v: '1' })] }],
        ['one', { items: [item('y', { v: '1' })] }],
      ],
      spec: { items: [item('y', { v: '1' })] },
    },
  ],
  'what is nested': [
    {
      reason: 'a set in an item is merged by value',
      steps: [
        ['one', { items: [item('x', { tags: ['a'] })] }],
        ['two', { items: [item('x', { tags: ['b'] })] }],
      ],
      spec: { items: [item('x', { tags: ['a', 'b'] })] },
      owners: { one: ['items[x].name', 'items[x].tags[a]'], two: ['items[x].name', 'items[x].tags[b]'] },
    },
    {
      reason: 'an object is merged by field, and goes with the last of them',
      steps: [
        ['one', { b: '1', deep: { p: { q: '1' } } }],
        ['two', { deep: { p: { r: '2' } } }],
        ['one', { b: '1' }],
        ['two', {}],
      ],
      spec: { b: '1' },
    },
    {
      reason: 'an atomic list in an item is one field',
      steps: [
        ['one', { items: [item('x', { args: ['a'] })] }],
        ['two', { items: [item('x', { args: ['b'] })] }],
      ],
      conflicts: ['one .spec.items[name="x"].args'],
    },
    {
      reason: 'in what the schema does not know maps are merged and lists are one field',
      steps: [
        ['one', { free: { m: { x: '1' }, l: ['a'] } }],
        ['two', { free: { m: { y: '2' } } }],
        ['one', { free: { l: ['b'] } }],
      ],
      spec: { free: { m: { y: '2' }, l: ['b'] } },
      owners: { one: ['free.l'], two: ['free.m.y'] },
    },
  ],
};

const text = { type: 'string' };
const atomic = { type: 'array', items: text, 'x-kubernetes-list-type': 'atomic' };
const set = { type: 'array', items: text, 'x-kubernetes-list-type': 'set' };

/** Of the whole object. */
export const SCHEMA = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        a: text,
        b: text,
        map: { type: 'object', additionalProperties: text },
        whole: { type: 'object', additionalProperties: text, 'x-kubernetes-map-type': 'atomic' },
        list: atomic,
        set,
        items: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: text, v: text, w: text, tags: set, args: atomic },
          },
        },
        deep: { type: 'object', properties: { p: { type: 'object', properties: { q: text, r: text } } } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
  },
};
