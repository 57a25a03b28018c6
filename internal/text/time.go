// SPDX-License-Identifier: Apache-2.0

package text

import "time"

// Time returns a time as people read it in a sentence.
func Time(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
