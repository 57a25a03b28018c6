package index

import (
	"hash/fnv"
	"slices"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// hashBuckets is the number of values of a bucketed index. One value per name would take more memory for ten thousand
// names than the Defects' statuses do. A lookup among ten thousand objects visits about five.
const hashBuckets = 2048

// bucketed returns an indexer by the hash buckets of an object's names. A bucket holds other objects too: finders
// compare the name.
func bucketed(names func(client.Object) []string) client.IndexerFunc {
	return func(o client.Object) []string {
		all := names(o)
		for i, n := range all {
			all[i] = bucketOf(n)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
}

func bucketOf(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return strconv.Itoa(int(h.Sum32() % hashBuckets))
}
