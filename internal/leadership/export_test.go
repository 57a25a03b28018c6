// SPDX-License-Identifier: Apache-2.0

package leadership

// Elapsed exposes elapsed.
var Elapsed = elapsed
