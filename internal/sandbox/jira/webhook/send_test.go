// SPDX-License-Identifier: Apache-2.0

package webhook

import "testing"

func TestPublishedSignature(t *testing.T) {
	const want = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
	if got := Sign("It's a Secret to Everybody", []byte("Hello World!")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
