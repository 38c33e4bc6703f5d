package clients

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

func TestServerSideApplyByTwoManagers(t *testing.T) {
	l := newLab(t)
	maps := l.typed.CoreV1().ConfigMaps(l.namespace)
	apply := func(manager string, data map[string]string, force bool) (*corev1.ConfigMap, error) {
		of := applycorev1.ConfigMap("shared", l.namespace).WithData(data)
		return maps.Apply(l.ctx, of, metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	_, err := apply("one", map[string]string{"a": "1", "b": "1"}, false)
	must(l, err)
	_, err = apply("two", map[string]string{"b": "2", "c": "2"}, false)
	if !apierrors.IsConflict(err) {
		l.Fatalf("a field of another manager: got %v, want a conflict", err)
	}
	cause, has := apierrors.StatusCause(err, metav1.CauseTypeFieldManagerConflict)
	equal(l, "cause", has && cause.Field == ".data.b" && strings.Contains(cause.Message, `"one"`), true)
	_, err = apply("two", map[string]string{"b": "2", "c": "2"}, true)
	must(l, err)
	left, err := apply("one", map[string]string{}, false)
	must(l, err)
	equal(l, "b is two's now, a is nobody's", len(left.Data), 2)
	mine, err := applycorev1.ExtractConfigMap(left, "two")
	must(l, err)
	equal(l, "what two owns", mine.Data["b"]+mine.Data["c"], "22")
}

func TestConcurrentUpdatesAreAllCounted(t *testing.T) {
	l := newLab(t)
	maps := l.typed.CoreV1().ConfigMaps(l.namespace)
	_, err := maps.Create(l.ctx, configMap("count", map[string]string{"n": "0"}), metav1.CreateOptions{})
	must(l, err)
	var all sync.WaitGroup
	// Always the same short wait: one that grows may end after the test.
	backoff := retry.DefaultRetry
	backoff.Steps = 1000
	for range 8 {
		all.Go(func() {
			for range 5 {
				if err := retry.RetryOnConflict(backoff, func() error {
					live, err := maps.Get(l.ctx, "count", metav1.GetOptions{})
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(live.Data["n"])
					live.Data["n"] = strconv.Itoa(n + 1)
					_, err = maps.Update(l.ctx, live, metav1.UpdateOptions{})
					return err
				}); err != nil {
					l.Error(err)
				}
			}
		})
	}
	all.Wait()
	live, err := maps.Get(l.ctx, "count", metav1.GetOptions{})
	must(l, err)
	equal(l, "count", live.Data["n"], "40")
}

func TestPagesAreOfOneState(t *testing.T) {
	l := newLab(t)
	maps := l.typed.CoreV1().ConfigMaps(l.namespace)
	for i := range 25 {
		_, err := maps.Create(l.ctx, configMap(named("m", i), nil), metav1.CreateOptions{})
		must(l, err)
	}
	seen := map[string]bool{}
	pages := 0
	paging := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		pages++
		if pages == 2 {
			must(l, maps.Delete(ctx, "m-9", metav1.DeleteOptions{}))
			_, err := maps.Create(ctx, configMap("zzz", nil), metav1.CreateOptions{})
			must(l, err)
		}
		return maps.List(ctx, options)
	})
	paging.PageSize = 7
	must(l, paging.EachListItem(l.ctx, metav1.ListOptions{}, func(object runtime.Object) error {
		accessor, err := meta.Accessor(object)
		seen[accessor.GetName()] = true
		return err
	}))
	equal(l, "pages", pages, 4)
	equal(l, "all that were there at the start and no other", len(seen) == 25 && seen["m-9"] && !seen["zzz"], true)
}

func TestDiscoveryMapsKindsToResources(t *testing.T) {
	l := newLab(t)
	l.withWidgets()
	cached := memory.NewMemCacheClient(discovery.NewDiscoveryClientForConfigOrDie(l.config))
	mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(cached), cached, nil)
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "clients.example.com", Kind: "Widget"})
	must(l, err)
	equal(l, "resource", mapping.Resource, widgets)
	equal(l, "scope", mapping.Scope.Name(), meta.RESTScopeNameNamespace)
	short, err := mapper.ResourceFor(schema.GroupVersionResource{Resource: "cm"})
	must(l, err)
	equal(l, "short name", short.Resource, "configmaps")
	_, err = cached.ServerPreferredResources()
	must(l, err)
	l.eventually("its schema is published", func() bool {
		paths, err := discovery.NewDiscoveryClientForConfigOrDie(l.config).OpenAPIV3().Paths()
		must(l, err)
		of := paths["apis/clients.example.com/v1"]
		if of == nil {
			return false
		}
		document, err := of.Schema(runtime.ContentTypeJSON)
		must(l, err)
		return strings.Contains(string(document), `"x-kubernetes-group-version-kind"`)
	})
}

func TestScale(t *testing.T) {
	l := newLab(t)
	client := l.withWidgets()
	_, err := client.Create(l.ctx, widget("a", map[string]any{"colour": "red"}), metav1.CreateOptions{})
	must(l, err)
	cached := memory.NewMemCacheClient(discovery.NewDiscoveryClientForConfigOrDie(l.config))
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	scales, err := scale.NewForConfig(l.config, mapper, dynamicPaths, scale.NewDiscoveryScaleKindResolver(cached))
	must(l, err)
	of := scales.Scales(l.namespace)
	now, err := of.Get(l.ctx, widgets.GroupResource(), "a", metav1.GetOptions{})
	must(l, err)
	equal(l, "the default", now.Spec.Replicas, 1)
	now.Spec.Replicas = 3
	_, err = of.Update(l.ctx, widgets.GroupResource(), now, metav1.UpdateOptions{})
	must(l, err)
	_, err = of.Patch(l.ctx, widgets, "a", types.MergePatchType, []byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{})
	must(l, err)
	status := widget("a", nil)
	status.Object["status"] = map[string]any{"replicas": int64(4), "selector": "app=a"}
	_, err = client.ApplyStatus(l.ctx, "a", status, metav1.ApplyOptions{FieldManager: "status", Force: true})
	must(l, err)
	now, err = of.Get(l.ctx, widgets.GroupResource(), "a", metav1.GetOptions{})
	must(l, err)
	equal(l, "spec", now.Spec.Replicas, 5)
	equal(l, "status", now.Status.Replicas, 4)
	equal(l, "selector", now.Status.Selector, "app=a")
}

func dynamicPaths(kind schema.GroupVersionKind) string {
	if kind.Group == "" {
		return "/api"
	}
	return "/apis"
}

func TestProtobufClient(t *testing.T) {
	l := newLab(t)
	config := rest.CopyConfig(l.config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	typed, err := kubernetes.NewForConfig(config)
	must(l, err)
	secrets := typed.CoreV1().Secrets(l.namespace)
	_, err = secrets.Create(l.ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "s", Labels: map[string]string{"tier": "web"}},
		StringData: map[string]string{"a": "b"},
	}, metav1.CreateOptions{})
	must(l, err)
	kept, err := secrets.Get(l.ctx, "s", metav1.GetOptions{})
	must(l, err)
	equal(l, "data", string(kept.Data["a"]), "b")
	kept.Data["a"] = []byte("c")
	_, err = secrets.Update(l.ctx, kept, metav1.UpdateOptions{})
	must(l, err)
	must(l, secrets.Delete(l.ctx, "s", *metav1.NewPreconditionDeleteOptions(string(kept.UID))))
	_, err = secrets.Get(l.ctx, "s", metav1.GetOptions{})
	equal(l, "gone", apierrors.IsNotFound(err), true)
}

func TestTokenOfAServiceAccount(t *testing.T) {
	l := newLab(t)
	accounts := l.typed.CoreV1().ServiceAccounts(l.namespace)
	_, err := accounts.Create(l.ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "app"}}, metav1.CreateOptions{})
	must(l, err)
	seconds := int64(600)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	given, err := accounts.CreateToken(l.ctx, "app", request, metav1.CreateOptions{})
	must(l, err)
	config := rest.AnonymousClientConfig(l.config)
	config.BearerToken = given.Status.Token
	typed, err := kubernetes.NewForConfig(config)
	must(l, err)
	who, err := typed.AuthenticationV1().SelfSubjectReviews().Create(l.ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	must(l, err)
	equal(l, "who", who.Status.UserInfo.Username, "system:serviceaccount:"+l.namespace+":app")
	_, err = typed.CoreV1().Secrets(l.namespace).List(l.ctx, metav1.ListOptions{})
	equal(l, "without a role it may nothing", apierrors.IsForbidden(err), true)
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: given.Status.Token}}
	review, err = l.typed.AuthenticationV1().TokenReviews().Create(l.ctx, review, metav1.CreateOptions{})
	must(l, err)
	equal(l, "reviewed", review.Status.Authenticated, true)
}
