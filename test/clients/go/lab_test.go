// Package clients holds the API server to what client-go and controller-runtime expect of one. The server is the one of
// $KUBECONFIG, as an admin: any Kubernetes API server will do, and each test works in a namespace of its own.
package clients

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

const limit = 20 * time.Second

// widgets is a kind that no server knows before the tests make it.
var widgets = schema.GroupVersionResource{Group: "clients.example.com", Version: "v1", Resource: "widgets"}

const widgetCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.clients.example.com}
spec:
  group: clients.example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              replicas: {type: integer, default: 1, minimum: 0}
              colour: {type: string}
              ports:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, port: {type: integer}}
          status:
            type: object
            properties: {replicas: {type: integer}, selector: {type: string}, phase: {type: string}}
`

type lab struct {
	*testing.T
	ctx       context.Context
	config    *rest.Config
	typed     *kubernetes.Clientset
	dynamic   *dynamic.DynamicClient
	namespace string
	// streamed counts the watches that were asked for the state first and got it.
	streamed *atomic.Int32
}

func newLab(t *testing.T) *lab {
	t.Helper()
	t.Parallel()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	must(t, err)
	config.QPS, config.Burst = 1000, 1000
	l := &lab{T: t, config: config, streamed: new(atomic.Int32)}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counting{next, l.streamed} })
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	t.Cleanup(cancel)
	l.ctx = ctx
	l.typed, err = kubernetes.NewForConfig(config)
	must(t, err)
	l.dynamic, err = dynamic.NewForConfig(config)
	must(t, err)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "clients-"}}
	ns, err = l.typed.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
	must(t, err)
	l.namespace = ns.Name
	return l
}

// withWidgets sees to it that the kind is served. Parallel tests may all call it.
func (l *lab) withWidgets() dynamic.ResourceInterface {
	l.Helper()
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	var crd unstructured.Unstructured
	must(l, yaml.Unmarshal([]byte(widgetCRD), &crd.Object))
	_, err := l.dynamic.Resource(crds).Apply(l.ctx, crd.GetName(), &crd, metav1.ApplyOptions{FieldManager: "clients", Force: true})
	must(l, err)
	client := l.dynamic.Resource(widgets).Namespace(l.namespace)
	l.eventually("widgets are served", func() bool {
		_, err := client.List(l.ctx, metav1.ListOptions{})
		return err == nil
	})
	return client
}

func widget(name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "clients.example.com/v1",
		"kind":       "Widget",
		"metadata":   map[string]any{"name": name},
		"spec":       spec,
	}}
}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

// eventually waits for something that no event tells of.
func (l *lab) eventually(what string, holds func() bool) {
	l.Helper()
	deadline := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(deadline) {
			l.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// next takes the next of what a channel gives.
func next[T any](l *lab, what string, from <-chan T) T {
	l.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(limit):
		l.Fatalf("not within %s: %s", limit, what)
		panic("unreachable")
	}
}

func equal[T comparable](l *lab, what string, got, want T) {
	l.Helper()
	if got != want {
		l.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type counting struct {
	next     http.RoundTripper
	streamed *atomic.Int32
}

func (c counting) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	if err == nil && response.StatusCode == 200 && strings.Contains(request.URL.RawQuery, "sendInitialEvents=true") {
		c.streamed.Add(1)
	}
	return response, err
}

func named(prefix string, i int) string { return fmt.Sprintf("%s-%d", prefix, i) }
