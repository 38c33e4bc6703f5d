/** What is run, in this order: the words after kubectl, and what goes to its standard input. */
export type Step = readonly [words: string, input?: string];

const SPEC = `spec:
            type: object
            required: [home]
            description: What the boat should be.
            properties:
              home: {type: string, description: The harbour that it belongs to., minLength: 2}
              replicas: {type: integer, default: 1, minimum: 0, maximum: 10, description: How many there are.}
              kind: {type: string, enum: [Sail, Motor], description: What moves it.}
              length: {x-kubernetes-int-or-string: true, description: Its length.}
              crew:
                type: array
                description: Who sails it.
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties:
                    name: {type: string, description: Name of the sailor.}
                    age: {type: integer, format: int32, description: Years.}
            x-kubernetes-validations:
            - {rule: "!has(self.kind) || self.kind != 'Motor' || self.replicas < 5", message: too many engines}
            - {rule: "!has(oldSelf.kind) || has(self.kind)", message: a kind stays}
          status:
            type: object
            properties:
              phase: {type: string}
              replicas: {type: integer}
              conditions:
                type: array
                items:
                  type: object
                  properties: {type: {type: string}, status: {type: string}, reason: {type: string}, message: {type: string}, lastTransitionTime: {type: string, format: date-time}}`;

const version = (name: string, storage: boolean, more = '') => `
  - name: ${name}
    served: true
    storage: ${storage}${more}
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Home, type: string, jsonPath: .spec.home}
    - {name: Phase, type: string, jsonPath: .status.phase}
    - {name: Crew, type: string, jsonPath: ".spec.crew[*].name", priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: Boat is something that floats.
        properties:
          ${SPEC}`;

const BOATS = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat, shortNames: [bt], categories: [all, vessels]}
  versions:${version('v1', true)}${version('v1beta1', false, '\n    deprecated: true')}
`;

const HARBOURS = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: harbours.shop.example.com}
spec:
  group: shop.example.com
  scope: Cluster
  names: {plural: harbours, singular: harbour, kind: Harbour}
  versions:
  - name: v1
    served: true
    storage: true
    selectableFields: [{jsonPath: .spec.country}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {country: {type: string}}}
`;

const boat = (name: string, spec: string, version = 'v1') =>
  `apiVersion: shop.example.com/${version}\nkind: Boat\nmetadata: {name: ${name}, namespace: fleet}\nspec: ${spec}\n`;
const harbour = (name: string, country: string) =>
  `apiVersion: shop.example.com/v1\nkind: Harbour\nmetadata: {name: ${name}}\nspec: {country: ${country}}\n`;
const ANNA = boat('anna', '{home: Kiel, kind: Sail, crew: [{name: Ada, age: 30}, {name: Bob}]}');
const BERTA = boat('berta', '{home: Rostock, length: 12m}');
const LIST = `${ANNA}---\n${BERTA}`;

/** Asks for a certificate of `O=dev, CN=ann`. */
const PKCS10 =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIV01INENBUUF3SERFTU1Bb0dBMVVFQ2d3RFpHVjJNUXd3Q2dZRFZRUUREQU5oYm00d1dUQVRCZ2NxaGtqTwpQUUlCQmdncWhrak9QUU1CQndOQ0FBVDB0OEFyRU9MQXpCcEc4clM0Ti9VV0ZsdmxEZTcyY3BuakJEU0RtUHQwClQ5QStiZU1TUTA0TEM5QTVnQWRmUXlDZ0ZDRWY3enBXbnZaeE8rcEhQRUFmb0FBd0NnWUlLb1pJemowRUF3SUQKU0FBd1JRSWhBTElPaVk4dFp6UFJJRWVoOWNmQndidjJISkpBSVlhT0U3b0xFd0lEOXlYRkFpQllCUXdrYWFucgo2RHlIeDdCM1YrajJmQy9FeFNJUFR6a2lXaFY1T0NsVmRBPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==';
const request = (name: string, usages: string) => `
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: ${name}}
spec: {request: ${PKCS10}, signerName: kubernetes.io/kube-apiserver-client, usages: ${usages}}
`;

export const JOURNEY: readonly Step[] = [
  ['create namespace fleet'],
  ['get boats -n fleet'],
  ['create -f -', BOATS],
  ['apply -f -', HARBOURS],
  ['wait crd boats.shop.example.com harbours.shop.example.com --for=condition=Established --timeout=20s'],
  ['apply -f -', HARBOURS],
  ['get crd boats.shop.example.com'],
  ['api-resources --api-group=shop.example.com'],
  ['api-resources --api-group=shop.example.com -o wide'],
  ['get boats -n fleet'],
  ['get bt,harbours -n fleet'],
  // Making.
  ['create -f -', ANNA],
  ['create -f -', ANNA],
  ['create -f - --dry-run=server', BERTA],
  ['create -f - --dry-run=client -o name', BERTA],
  ['get boat berta -n fleet'],
  ['apply -f -', LIST],
  ['apply -f -', LIST],
  ['apply -f - -o name', BERTA],
  ['diff -f -', BERTA],
  ['diff -f -', BERTA.replace('Rostock', 'Wismar')],
  ['create -f -', boat('bad', '{home: K}')],
  ['create -f -', boat('bad', '{kind: Steam, home: Kiel, replicas: 11}')],
  ['create -f -', boat('bad', '{home: Kiel, kind: Motor, replicas: 6}')],
  ['create -f -', boat('bad', '{}')],
  ['create -f -', boat('bad', '{home: Kiel, colour: red}')],
  ['create -f - --validate=false', boat('loose', '{home: Kiel, colour: red}')],
  ['create -f -', boat('Bad_Name', '{home: Kiel}')],
  ['create -f -', boat('bad', '{home: 5}')],
  ['create -f -', boat('bad', '{home: Kiel}', 'v9')],
  ['create -f - -n elsewhere', ANNA],
  ['create -f -', ANNA.replace('fleet', 'nowhere')],
  ['create -f -', 'not: [yaml'],
  ['apply -f -', boat('old', '{home: Kiel}', 'v1beta1')],
  // Looking.
  ['get boats -n fleet'],
  ['get boats -n fleet -o wide'],
  ['get boats -A'],
  ['get boats -n fleet --no-headers'],
  ['get boats -n fleet --show-labels'],
  ['get boats -n fleet --show-kind'],
  ['get boats -n fleet -o name'],
  ['get boats.v1beta1.shop.example.com -n fleet -o name'],
  ['get all -n fleet'],
  ['get vessels -n fleet'],
  ['get boat berta -n fleet -o yaml'],
  ['get boat berta -n fleet -o json'],
  ['get boats -n fleet -o jsonpath={range.items[*]}{.metadata.name}={.spec.replicas},{end}'],
  ['get boats -n fleet -o custom-columns=NAME:.metadata.name,CREW:.spec.crew[*].name'],
  ['get boats -n fleet -o go-template={{.kind}}'],
  ['get boats -n fleet --sort-by=.spec.home'],
  ['get boats -n fleet --field-selector=metadata.name=anna -o name'],
  ['get boats -n fleet --field-selector=spec.home=Kiel'],
  ['get boats -n fleet -l a==b==c'],
  ['get boats -n fleet --chunk-size=1 -o name'],
  ['get boat anna berta none -n fleet'],
  ['get boat none -n fleet --ignore-not-found'],
  ['get boat anna -n fleet --subresource=status -o name'],
  ['get --raw /apis/shop.example.com'],
  ['get --raw /apis/shop.example.com/v1/namespaces/fleet/boats/none'],
  ['describe boat berta -n fleet'],
  ['describe boat none -n fleet'],
  // Changing.
  ['label boat anna -n fleet rig=sloop tier=one'],
  ['label boat anna -n fleet rig=ketch'],
  ['label boat anna -n fleet rig=ketch --overwrite'],
  ['label boat anna -n fleet tier-'],
  ['label boat anna -n fleet bad/label/x=y'],
  ['label boats --all -n fleet seen=yes'],
  ['get boats -n fleet -l rig=ketch -o name'],
  ['get boats -n fleet -L rig'],
  ['annotate boat anna -n fleet note=hello'],
  ['annotate boat anna -n fleet note=bye'],
  ['annotate boat anna -n fleet note-'],
  ['patch boat anna -n fleet --type=merge -p {"spec":{"home":"Bremen"}}'],
  ['patch boat anna -n fleet --type=merge -p {"spec":{"home":"Bremen"}}'],
  ['patch boat anna -n fleet --type=json -p [{"op":"add","path":"/spec/crew/-","value":{"name":"Eve"}}]'],
  ['patch boat anna -n fleet --type=json -p [{"op":"test","path":"/spec/home","value":"Kiel"}]'],
  ['patch boat anna -n fleet --type=json -p [{"op":"remove","path":"/spec/none"}]'],
  ['patch boat anna -n fleet -p {"spec":{"home":"Kiel"}}'],
  ['patch boat anna -n fleet --type=merge -p {"spec":{"kind":null}}'],
  ['patch boat anna -n fleet --type=merge -p {"spec":{"crew":[{"name":"X"},{"name":"X"}]}}'],
  ['patch boat anna -n fleet --type=merge -p {"metadata":{"name":"other"}}'],
  ['patch boat anna -n fleet --type=merge --dry-run=server -p {"spec":{"home":"Husum"}}'],
  [
    'patch boat anna -n fleet --subresource=status --type=merge -p {"status":{"phase":"Afloat","replicas":1}}',
  ],
  ['get boat anna -n fleet'],
  ['scale boat anna -n fleet --replicas=3'],
  ['scale boat anna -n fleet --replicas=11'],
  ['scale boat anna berta -n fleet --replicas=2'],
  ['scale boat anna -n fleet --current-replicas=7 --replicas=3'],
  ['scale boat none -n fleet --replicas=3'],
  ['scale harbour kiel --replicas=3'],
  ['get boat anna -n fleet -o jsonpath={.spec.replicas},{.metadata.generation}'],
  ['apply -f -', BERTA.replace('Rostock', 'Wismar')],
  ['apply view-last-applied boat/berta -n fleet -o json'],
  ['apply set-last-applied -f -', BERTA],
  ['edit boat berta -n fleet'],
  ['get boat berta -n fleet -o jsonpath={.spec.home}'],
  ['replace -f -', boat('berta', '{home: Emden}')],
  ['replace -f -', boat('none', '{home: Emden}')],
  ['replace -f - --force', boat('berta', '{home: Emden}')],
  // Its schema, which Kubernetes publishes with a delay.
  ['explain boat'],
  ['explain boat.spec'],
  ['explain bt.spec.crew --recursive'],
  ['explain boat --recursive'],
  ['explain boats.spec.none'],
  ['explain harbour --api-version=shop.example.com/v1'],
  // Server-side apply.
  ['apply --server-side -f -', boat('clara', '{home: Kiel, crew: [{name: Ada}]}')],
  ['apply --server-side -f -', boat('clara', '{home: Kiel, crew: [{name: Ada}]}')],
  ['apply --server-side --field-manager=two -f -', boat('clara', '{home: Kiel, crew: [{name: Bob}]}')],
  [
    'apply --server-side --field-manager=two -f -',
    boat('clara', '{home: Husum, crew: [{name: Ada, age: 3}]}'),
  ],
  ['apply --server-side --field-manager=two --force-conflicts -f -', boat('clara', '{home: Husum}')],
  ['apply --server-side -f -', boat('clara', '{home: Husum}')],
  ['get boat clara -n fleet -o jsonpath={.spec}'],
  ['apply --server-side -f -', ANNA],
  ['apply --server-side --force-conflicts -f -', ANNA],
  [
    'get boat anna -n fleet -o jsonpath={.metadata.managedFields[?(@.manager=="kubectl-client-side-apply")].operation}',
  ],
  ['apply --server-side --dry-run=server -f -', boat('dora', '{home: Kiel}')],
  ['apply --server-side -f -', boat('dora', '{home: K}')],
  // Cluster scope.
  ['apply -f -', harbour('bad', 'no')],
  ['apply -f -', `${harbour('kiel', 'germany')}---\n${harbour('oslo', 'norway')}`],
  ['get harbours'],
  ['get harbours --field-selector=spec.country=norway -o name'],
  ['get harbour kiel -n fleet -o name'],
  ['describe harbour kiel'],
  // What makes no sense here.
  ['logs boat/anna -n fleet'],
  ['exec boat/anna -n fleet -- true'],
  ['rollout status boat/anna -n fleet'],
  ['rollout restart boat/anna -n fleet'],
  ['expose boat anna -n fleet --port=80'],
  ['set image boat/anna -n fleet a=b'],
  // Access.
  ['auth can-i create boats.shop.example.com'],
  ['auth can-i create boats.shop.example.com --as=eve'],
  ['get boats -n fleet --as=eve'],
  ['delete boat anna -n fleet --as=eve'],
  ['auth can-i update boats.shop.example.com/scale'],
  // Certificates and quotas.
  ['create -f -', request('ann', '[client auth]')],
  ['create -f -', request('bad', '[client auth, client auth]')],
  ['get csr'],
  ['certificate approve ann --as=eve'],
  ['certificate approve ann'],
  ['certificate deny ann'],
  ['get csr ann -o jsonpath={.status.conditions[*].type},{.spec.username}'],
  ['delete csr ann'],
  ['create quota few -n fleet --hard=configmaps=1 --scopes=BestEffort'],
  ['create quota few -n fleet --hard=count/boats.shop.example.com=1 --scopes=Terminating'],
  // Waiting and deleting.
  ['wait boat/anna -n fleet --for=condition=Ready --timeout=1s'],
  [
    'patch boat anna -n fleet --subresource=status --type=merge -p {"status":{"conditions":[{"type":"Ready","status":"True"}]}}',
  ],
  ['wait boat/anna -n fleet --for=condition=Ready --timeout=5s'],
  ['wait boat/none -n fleet --for=condition=Ready --timeout=1s'],
  ['delete boat none -n fleet'],
  ['delete boat none -n fleet --ignore-not-found'],
  ['delete boat anna -n fleet --dry-run=server'],
  ['delete boat anna -n fleet --cascade=orphan --wait=false'],
  ['delete -f -', LIST],
  ['delete boats -n fleet -l seen=yes'],
  ['delete boats -n fleet -l seen=yes'],
  ['delete boats --all -n fleet'],
  ['delete harbours --all'],
  ['delete crd boats.shop.example.com'],
  ['get boats -n fleet'],
  ['delete crd boats.shop.example.com harbours.shop.example.com'],
  ['delete namespace fleet --wait=false'],
];
