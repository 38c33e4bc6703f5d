import type { JsonSchema } from '../schema/json-schema.ts';
import { boolean, int32, int64, kind, list, map, object, string, time } from './fields.ts';

const names = (description: string): JsonSchema =>
  object(
    description,
    {
      plural: string('Lower-case plural, as in URLs: /apis/<group>/<version>/…/<plural>.'),
      singular: string('Lower-case singular. Defaults to the kind in lower case.'),
      shortNames: list('Short names, as in `kubectl get ws`.', { type: 'string' }),
      kind: string('CamelCase singular of the kind.'),
      listKind: string('Kind of lists. Defaults to the kind with List appended.'),
      categories: list('Groups of resources that it belongs to, as in `kubectl get all`.', {
        type: 'string',
      }),
    },
    ['plural', 'kind'],
  );

const printerColumn = object(
  'A column of tables.',
  {
    name: string('Head of the column.'),
    type: string('OpenAPI type of the values: string, integer, number, boolean or date.'),
    format: string('OpenAPI format of the values.'),
    description: string('What the column shows.'),
    priority: int32('0 for columns that always show; higher ones only with -o wide.'),
    jsonPath: string('Where in the object the value is.'),
  },
  ['name', 'type', 'jsonPath'],
);

const version = object(
  'One version of the kind.',
  {
    name: string('Name of the version: v1, v2beta1.'),
    served: boolean('Whether the API serves this version.'),
    storage: boolean('Whether objects are stored in this version. True for exactly one.'),
    deprecated: boolean('Whether requests for this version are answered with a warning.'),
    deprecationWarning: string('The warning. Defaults to a plain one.'),
    schema: object('What objects of this version may hold.', {
      openAPIV3Schema: {
        type: 'object',
        description: 'A structural OpenAPI v3 schema: defaults, validation and pruning of unknown fields.',
        'x-kubernetes-preserve-unknown-fields': true,
      },
    }),
    subresources: object('Paths beside the object itself.', {
      status: {
        type: 'object',
        description:
          'With it, status is written through /status alone, and everything else never through it.',
        'x-kubernetes-preserve-unknown-fields': true,
      },
      scale: object(
        'Makes the number of replicas readable and writable at /scale.',
        {
          specReplicasPath: string('JSON path to the wanted replicas, below .spec.'),
          statusReplicasPath: string('JSON path to the actual replicas, below .status.'),
          labelSelectorPath: string('JSON path to a label selector as text, below .spec or .status.'),
        },
        ['specReplicasPath', 'statusReplicasPath'],
      ),
    }),
    additionalPrinterColumns: list('Columns of tables. Defaults to the age.', printerColumn),
    selectableFields: list(
      'Fields that field selectors may name. At most 8.',
      object('A field.', { jsonPath: string('Path of a string, integer or boolean, without lists.') }, [
        'jsonPath',
      ]),
    ),
  },
  ['name', 'served', 'storage'],
);

const condition = object(
  'One aspect of the definition.',
  {
    type: string('Established, NamesAccepted, Terminating or NonStructuralSchema.'),
    status: string('True, False or Unknown.'),
    lastTransitionTime: time('When the status last changed.'),
    reason: string('CamelCase reason of the last change.'),
    message: string('The reason in a sentence.'),
    observedGeneration: int64('The generation of the spec it was computed from.'),
  },
  ['type', 'status'],
);

export const CRD_SCHEMA: JsonSchema = kind(
  'CustomResourceDefinition adds a kind to the API. Its name is <plural>.<group>.',
  {
    spec: object(
      'The kind to serve.',
      {
        group: string('API group of the kind, a domain name. Cannot be changed.'),
        names: names('What the kind is called.'),
        scope: { ...string('Namespaced or Cluster. Cannot be changed.'), enum: ['Cluster', 'Namespaced'] },
        versions: { ...list('All versions of the kind.', version), minItems: 1 },
        conversion: object(
          'How objects are turned from one version into another.',
          {
            strategy: { ...string('None: only apiVersion changes.'), enum: ['None', 'Webhook'] },
            webhook: {
              type: 'object',
              description: 'How to reach a converter. Not supported here.',
              'x-kubernetes-preserve-unknown-fields': true,
            },
          },
          ['strategy'],
        ),
        preserveUnknownFields: boolean('Must be false: unknown fields are kept where the schema says so.'),
      },
      ['group', 'names', 'scope', 'versions'],
    ),
    status: object('Whether the kind is served.', {
      conditions: map('What holds of the definition.', condition, ['type']),
      acceptedNames: names('The names in use; they may differ from those wanted when others have them.'),
      storedVersions: list('Versions in which objects were ever stored.', { type: 'string' }),
      observedGeneration: int64('The generation of the spec that this status speaks of.'),
    }),
  },
  ['spec'],
);
