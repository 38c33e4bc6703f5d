"""Holds the API server of $KUBECONFIG to what the Python client of Kubernetes expects of one."""

import threading
import unittest
import uuid

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

GROUP = "python.example.com"

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"gadgets.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "kind": "Gadget", "singular": "gadget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
                },
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "replicas": {"type": "integer", "default": 1},
                                    "colour": {"type": "string", "enum": ["red", "blue"]},
                                },
                            },
                            "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
                        },
                    }
                },
            }
        ],
    },
}


def gadget(name, **spec):
    return {"apiVersion": f"{GROUP}/v1", "kind": "Gadget", "metadata": {"name": name}, "spec": spec}


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        config.load_kube_config()
        cls.core = client.CoreV1Api()
        extensions = client.ApiextensionsV1Api()
        try:
            extensions.create_custom_resource_definition(CRD)
        except ApiException as error:
            if error.status != 409:
                raise
        for event in watch.Watch().stream(extensions.list_custom_resource_definition, timeout_seconds=20):
            crd = event["object"]
            conditions = {c.type: c.status for c in (crd.status.conditions or [])}
            if crd.metadata.name == CRD["metadata"]["name"] and conditions.get("Established") == "True":
                break
        cls.namespace = f"python-{uuid.uuid4().hex[:8]}"
        cls.core.create_namespace({"metadata": {"name": cls.namespace}})
        cls.dynamic = dynamic.DynamicClient(client.ApiClient())
        cls.gadgets = cls.dynamic.resources.get(api_version=f"{GROUP}/v1", kind="Gadget")
        cls.custom = client.CustomObjectsApi()
        cls.of = {"group": GROUP, "version": "v1", "namespace": cls.namespace, "plural": "gadgets"}

    @classmethod
    def tearDownClass(cls):
        cls.core.delete_namespace(cls.namespace)

    def test_typed_objects_come_back_as_they_were_sent(self):
        made = self.core.create_namespaced_config_map(
            self.namespace,
            client.V1ConfigMap(metadata=client.V1ObjectMeta(generate_name="m-"), data={"a": "1"}),
        )
        self.assertRegex(made.metadata.name, r"^m-.{5}$")
        self.assertEqual(made.metadata.creation_timestamp.tzname(), "UTC")
        patched = self.core.patch_namespaced_config_map(made.metadata.name, self.namespace, {"data": {"b": "2"}})
        self.assertEqual(patched.data, {"a": "1", "b": "2"})
        stale = made
        stale.data = {"c": "3"}
        with self.assertRaises(ApiException) as refused:
            self.core.replace_namespaced_config_map(made.metadata.name, self.namespace, stale)
        self.assertEqual(refused.exception.status, 409)

    def test_watch_sees_every_change_in_order(self):
        version = self.core.list_namespaced_config_map(self.namespace).metadata.resource_version
        seen = []
        watching = watch.Watch()

        def follow():
            for event in watching.stream(
                self.core.list_namespaced_config_map,
                self.namespace,
                label_selector="test=watch",
                resource_version=version,
                timeout_seconds=20,
            ):
                seen.append((event["type"], event["object"].metadata.name))
                if event["type"] == "DELETED":
                    watching.stop()

        thread = threading.Thread(target=follow)
        thread.start()
        body = {"metadata": {"name": "w", "labels": {"test": "watch"}}}
        self.core.create_namespaced_config_map(self.namespace, body)
        self.core.patch_namespaced_config_map("w", self.namespace, {"data": {"x": "y"}})
        self.core.delete_namespaced_config_map("w", self.namespace)
        thread.join(20)
        self.assertEqual(seen, [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")])

    def test_pages(self):
        for i in range(5):
            self.core.create_namespaced_secret(
                self.namespace, {"metadata": {"name": f"s{i}"}, "stringData": {"k": "v"}}
            )
        first = self.core.list_namespaced_secret(self.namespace, limit=2)
        self.assertEqual([s.metadata.name for s in first.items], ["s0", "s1"])
        self.assertEqual(first.metadata.remaining_item_count, 3)
        second = self.core.list_namespaced_secret(self.namespace, limit=9, _continue=first.metadata._continue)
        self.assertEqual([s.metadata.name for s in second.items], ["s2", "s3", "s4"])
        self.assertIsNone(second.metadata._continue or None)

    def test_dynamic_client_applies_and_conflicts(self):
        def apply(manager, force=False, **spec):
            return self.gadgets.server_side_apply(
                body=gadget("applied", **spec),
                namespace=self.namespace,
                field_manager=manager,
                force_conflicts=force,
            )

        apply("one", colour="red", replicas=2)
        with self.assertRaises(ConflictError):
            apply("two", colour="blue")
        forced = apply("two", force=True, colour="blue")
        self.assertEqual((forced.spec.colour, forced.spec.replicas), ("blue", 2))
        self.gadgets.delete("applied", self.namespace)
        with self.assertRaises(NotFoundError):
            self.gadgets.get("applied", self.namespace)

    def test_custom_objects_status_and_scale(self):
        self.custom.create_namespaced_custom_object(body=gadget("c", colour="red"), **self.of)
        status = {"status": {"replicas": 4}}
        self.custom.patch_namespaced_custom_object_status(name="c", body=status, **self.of)
        scaled = self.custom.patch_namespaced_custom_object_scale(
            name="c", body={"spec": {"replicas": 3}}, **self.of
        )
        self.assertEqual((scaled["spec"]["replicas"], scaled["status"]["replicas"]), (3, 4))
        live = self.custom.get_namespaced_custom_object(name="c", **self.of)
        self.assertEqual((live["metadata"]["generation"], live["spec"]["replicas"]), (2, 3))
        with self.assertRaises(ApiException) as refused:
            self.custom.create_namespaced_custom_object(body=gadget("bad", colour="green"), **self.of)
        self.assertEqual(refused.exception.status, 422)
        self.assertIn("spec.colour: Unsupported value", refused.exception.body)

    def test_files_are_made_and_who_one_is(self):
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "from-file"}, "data": {}}
        utils.create_from_dict(client.ApiClient(), manifest, namespace=self.namespace)
        who = client.AuthenticationV1Api().create_self_subject_review({})
        self.assertIn("system:authenticated", who.status.user_info.groups)
        allowed = client.AuthorizationV1Api().create_self_subject_access_review(
            {"spec": {"resourceAttributes": {"verb": "get", "resource": "secrets", "namespace": self.namespace}}}
        )
        self.assertTrue(allowed.status.allowed)


if __name__ == "__main__":
    unittest.main()
