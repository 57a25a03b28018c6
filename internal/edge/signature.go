// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// ParseSignature returns the HMAC-SHA256 in a header's value, written as a prefix and 64 hexadecimal digits. It
// accepts no other form.
func ParseSignature(value, prefix string) (mac []byte, ok bool) {
	digits, ok := strings.CutPrefix(value, prefix)
	if !ok || len(digits) != hex.EncodedLen(sha256.Size) {
		return nil, false
	}
	mac, err := hex.DecodeString(digits)
	return mac, err == nil
}

// IsSigned reports whether mac is the HMAC-SHA256 of the parts of a content, one after the other, with a secret. It is
// false for an empty secret. It takes as long for a wrong secret as for the right one.
func IsSigned(secret string, mac []byte, content ...[]byte) bool {
	h := hmac.New(sha256.New, []byte(secret))
	for _, part := range content {
		h.Write(part)
	}
	return hmac.Equal(h.Sum(nil), mac) && secret != ""
}
