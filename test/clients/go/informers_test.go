package clients

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/dynamicinformer"
	coreinformers "k8s.io/client-go/informers/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// follow starts an informer that tells what happens, and waits until it has told what was there.
func (l *lab) follow(informer cache.SharedIndexInformer) <-chan string {
	l.Helper()
	seen := happenings(informer)
	go informer.RunWithContext(l.ctx)
	if !cache.WaitForCacheSync(l.ctx.Done(), informer.HasSynced) {
		l.Fatal("the informer did not come to know the state")
	}
	return seen
}

// happenings turns what an informer says into lines: "added a", "updated a", "deleted a".
func happenings(informer cache.SharedIndexInformer) <-chan string {
	seen := make(chan string, 1000)
	tell := func(what string, object any) {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		seen <- what + " " + object.(metav1.Object).GetName()
	}
	informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { tell("added", object) },
		UpdateFunc: func(_, object any) { tell("updated", object) },
		DeleteFunc: func(object any) { tell("deleted", object) },
	})
	return seen
}

func TestTypedInformerFollowsEveryChange(t *testing.T) {
	l := newLab(t)
	maps := l.typed.CoreV1().ConfigMaps(l.namespace)
	_, err := maps.Create(l.ctx, configMap("before", nil), metav1.CreateOptions{})
	must(l, err)
	byNamespace := cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
	informer := coreinformers.NewConfigMapInformer(l.typed, l.namespace, 0, byNamespace)
	lister := corelisters.NewConfigMapLister(informer.GetIndexer())
	seen := l.follow(informer)
	equal(l, "first", next(l, "what was there", seen), "added before")
	if l.streamed.Load() == 0 {
		l.Fatal("the state did not come as a stream (WatchList)")
	}
	made, err := maps.Create(l.ctx, configMap("a", map[string]string{"x": "1"}), metav1.CreateOptions{})
	must(l, err)
	equal(l, "create", next(l, "create", seen), "added a")
	made.Data["x"] = "2"
	_, err = maps.Update(l.ctx, made, metav1.UpdateOptions{})
	must(l, err)
	equal(l, "update", next(l, "update", seen), "updated a")
	kept, err := lister.ConfigMaps(l.namespace).Get("a")
	must(l, err)
	equal(l, "in the cache", kept.Data["x"], "2")
	must(l, maps.Delete(l.ctx, "a", metav1.DeleteOptions{}))
	equal(l, "delete", next(l, "delete", seen), "deleted a")
	all, err := lister.List(labels.Everything())
	must(l, err)
	equal(l, "left", len(all), 1)
}

func TestDynamicInformerUnderASelector(t *testing.T) {
	l := newLab(t)
	client := l.withWidgets()
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(l.dynamic, 0, l.namespace,
		func(o *metav1.ListOptions) { o.LabelSelector = "tier=web" })
	seen := l.follow(factory.ForResource(widgets).Informer())
	for _, name := range []string{"other", "a"} {
		object := widget(name, nil)
		if name == "a" {
			object.SetLabels(map[string]string{"tier": "web"})
		}
		_, err := client.Create(l.ctx, object, metav1.CreateOptions{})
		must(l, err)
	}
	equal(l, "only what matches", next(l, "create", seen), "added a")
	label := func(name, tier string) {
		patch := []byte(`{"metadata":{"labels":{"tier":"` + tier + `"}}}`)
		_, err := client.Patch(l.ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
		must(l, err)
	}
	label("a", "db")
	equal(l, "what stops matching", next(l, "label", seen), "deleted a")
	label("other", "web")
	equal(l, "what begins to match", next(l, "label", seen), "added other")
	must(l, client.DeleteCollection(l.ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "tier"}))
	equal(l, "delete of a collection", next(l, "delete", seen), "deleted other")
}

func TestMetadataInformer(t *testing.T) {
	l := newLab(t)
	client := l.withWidgets()
	meta, err := metadata.NewForConfig(l.config)
	must(l, err)
	factory := metadatainformer.NewFilteredSharedInformerFactory(meta, 0, l.namespace, nil)
	informer := factory.ForResource(widgets)
	seen := l.follow(informer.Informer())
	object := widget("a", nil)
	object.SetAnnotations(map[string]string{"note": "hi"})
	_, err = client.Create(l.ctx, object, metav1.CreateOptions{})
	must(l, err)
	equal(l, "create", next(l, "create", seen), "added a")
	kept, err := informer.Lister().ByNamespace(l.namespace).Get("a")
	must(l, err)
	equal(l, "annotation", kept.(*metav1.PartialObjectMetadata).Annotations["note"], "hi")
}

func TestInformerGoesOnWhenItsWatchesEnd(t *testing.T) {
	l := newLab(t)
	maps := l.typed.CoreV1().ConfigMaps(l.namespace)
	// Each watch lasts a second at most: what happens between two must be told by the next.
	short := int64(1)
	seen := l.follow(coreinformers.NewFilteredConfigMapInformer(l.typed, l.namespace, 0, cache.Indexers{},
		func(o *metav1.ListOptions) { o.TimeoutSeconds = &short }))
	const many = 30
	for i := range many {
		_, err := maps.Create(l.ctx, configMap(named("m", i), nil), metav1.CreateOptions{})
		must(l, err)
		time.Sleep(100 * time.Millisecond)
	}
	for i := range many {
		equal(l, "in order, none missing, none twice", next(l, "create", seen), "added "+named("m", i))
	}
	select {
	case more := <-seen:
		l.Fatalf("told once more: %s", more)
	default:
	}
}

func TestWatchFromAVersion(t *testing.T) {
	l := newLab(t)
	maps := l.typed.CoreV1().ConfigMaps(l.namespace)
	first, err := maps.Create(l.ctx, configMap("a", nil), metav1.CreateOptions{})
	must(l, err)
	_, err = maps.Create(l.ctx, configMap("b", nil), metav1.CreateOptions{})
	must(l, err)
	watching, err := maps.Watch(l.ctx, metav1.ListOptions{ResourceVersion: first.ResourceVersion})
	must(l, err)
	defer watching.Stop()
	event := next(l, "the next after it", watching.ResultChan())
	equal(l, "name", event.Object.(*corev1.ConfigMap).Name, "b")
}
