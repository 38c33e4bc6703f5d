// Package informers stands in for client-go's package of that name, of which the tests need this alone. That one imports the
// informers and listers of every built-in kind, which take a third of the time that all else here takes to compile.
package informers

import "k8s.io/client-go/tools/cache"

// GenericInformer is what dynamicinformer and metadatainformer make.
type GenericInformer interface {
	Informer() cache.SharedIndexInformer
	Lister() cache.GenericLister
}
