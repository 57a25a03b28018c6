package edge

import (
	"net/http"
	"testing"
)

// Atlassian's published vector (https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks), and GitHub's, whose body
// has a comma more.
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
		"no method":          {vectorSecret, vectorBody, vectorMAC[len("sha256="):], false},
		"other method":       {vectorSecret, vectorBody, "sha1=" + vectorMAC[len("sha256="):], false},
		"too short":          {vectorSecret, vectorBody, vectorMAC[:len(vectorMAC)-2], false},
		"too long":           {vectorSecret, vectorBody, vectorMAC + "00", false},
		"not hexadecimal":    {vectorSecret, vectorBody, vectorMAC[:len(vectorMAC)-1] + "g", false},
		// HMAC-SHA256 of "" with an empty secret, as published in many places.
		"empty secret": {"", "", "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", false},
	} {
		t.Run(name, func(t *testing.T) {
			mac, ok := parseSignature(test.header)
			if got := ok && signed(test.secret, []byte(test.body), mac); got != test.want {
				t.Errorf("signed: %t, want %t", got, test.want)
			}
		})
	}
}

// The vectors are checked as any webhook is: what is signed comes as far as to be no JSON.
func TestTakesThePublishedVectors(t *testing.T) {
	for name, test := range map[string]struct {
		secret, body, header string
		want                 int
	}{
		"published":                     {vectorSecret, vectorBody, vectorMAC, http.StatusBadRequest},
		"published, and a line break":   {vectorSecret + "\n", vectorBody, vectorMAC, http.StatusBadRequest},
		"published, from another world": {vectorSecret + "\r\n", vectorBody, vectorMAC, http.StatusBadRequest},
		"spaces at the ends":            {" a b ", vectorBody, sign(" a b ", []byte(vectorBody)), http.StatusBadRequest},
		"no spaces at the ends":         {" a b ", vectorBody, sign("a b", []byte(vectorBody)), http.StatusUnauthorized},
		"letters of all kinds":          {"gehört – нам", vectorBody, sign("gehört – нам", []byte(vectorBody)), http.StatusBadRequest},
		"nothing but spaces":            {"  ", vectorBody, sign("  ", []byte(vectorBody)), http.StatusUnauthorized},
		"GitHub's near miss":            {vectorSecret, vectorBody, nearMissMAC, http.StatusUnauthorized},
		"GitHub's body":                 {vectorSecret, "Hello, World!", vectorMAC, http.StatusUnauthorized},
		"GitHub's body and its own":     {vectorSecret, "Hello, World!", nearMissMAC, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.rotate(test.secret)
			r := request([]byte(test.body))
			r.Header.Set("X-Hub-Signature", test.header)
			w.does(r, test.want, refused)
			w.hinted(0)
		})
	}
}
