import fc from 'fast-check';
import t from 'tap';
import { parse, stringify } from 'yaml';
import { readPlainYaml } from '../../../controller/client/plain-yaml.ts';

const CONFIG = `# a comment
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTi==
    server: https://127.0.0.1:3001
  name: nexus
contexts:
  - name: nexus
    context:
      cluster: nexus
      user: nexus_1

current-context: nexus
kind: Config
`;

t.test('a kubeconfig as kubectl and as we write it is read as YAML has it', async t => {
  t.same(readPlainYaml(CONFIG), parse(CONFIG));
});

t.test('what is more than words in maps and lists is left to a YAML library', async t => {
  for (const text of [
    '',
    'a: 1',
    'a: true',
    'a: No',
    'a: ~',
    'a:',
    'a: "b"',
    'a: b c',
    'a: b # c',
    'a: {b: c}',
    'a: &x b',
    'a: |\n  b',
    '- a\n- b',
    'a: b\na: c',
    ' a: b',
    'a:\n\tb: c',
    'a: b\n  c: d',
    '---\na: b',
    'a: b:',
    'a:\n  - b: c\n d: e',
  ])
    t.equal(readPlainYaml(text), undefined, JSON.stringify(text));
});

t.test('whatever it reads is what the library reads', async () => {
  const word = fc.stringMatching(/^[a-z0-9:.~@=_-]{1,6}$/);
  const value = fc.letrec(tie => ({
    map: fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), tie('any'), { minKeys: 1, maxKeys: 3 }),
    any: fc.oneof({ depthSize: 'small' }, word, tie('map'), fc.array(tie('map'), { maxLength: 3 })),
  })).map;
  fc.assert(
    fc.property(value, fc.boolean(), (object, indentSeq) => {
      const text = stringify(object, { lineWidth: 0, indentSeq });
      const read = readPlainYaml(text);
      return read === undefined || JSON.stringify(read) === JSON.stringify(parse(text));
    }),
    { numRuns: 500 },
  );
});
