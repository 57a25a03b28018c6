// SPDX-License-Identifier: Apache-2.0

package edge

import "testing"

// Atlassian's published vector (https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks),
// and GitHub's, whose body has one more comma.
const (
	vectorSecret = "It's a Secret to Everybody"
	vectorBody   = "Hello World!"
	vectorMAC    = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
	nearMissMAC  = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
)

func TestSignatures(t *testing.T) {
	for name, test := range map[string]struct {
		secret, body, header string
		want                 bool
	}{
		"published":          {vectorSecret, vectorBody, vectorMAC, true},
		"GitHub's":           {vectorSecret, "Hello, World!", nearMissMAC, true},
		"GitHub's near miss": {vectorSecret, vectorBody, nearMissMAC, false},
		"other body":         {vectorSecret, vectorBody + "\n", vectorMAC, false},
		"other secret":       {vectorSecret + " ", vectorBody, vectorMAC, false},
		"missing":            {vectorSecret, vectorBody, "", false},
		"no prefix":          {vectorSecret, vectorBody, vectorMAC[len("sha256="):], false},
		"other prefix":       {vectorSecret, vectorBody, "sha1=" + vectorMAC[len("sha256="):], false},
		"too short":          {vectorSecret, vectorBody, vectorMAC[:len(vectorMAC)-2], false},
		"too long":           {vectorSecret, vectorBody, vectorMAC + "00", false},
		"not hexadecimal":    {vectorSecret, vectorBody, vectorMAC[:len(vectorMAC)-1] + "g", false},
		// HMAC-SHA256 of "" with an empty secret, as published in many places.
		"empty secret": {"", "", "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", false},
	} {
		t.Run(name, func(t *testing.T) {
			mac, ok := ParseSignature(test.header, "sha256=")
			if got := ok && IsSigned(test.secret, mac, []byte(test.body)); got != test.want {
				t.Errorf("signed: %t, want %t", got, test.want)
			}
		})
	}
}
