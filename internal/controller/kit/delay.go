package kit

import "time"

// Until returns how long it is until a time, and at least a moment, so that it can be a RequeueAfter.
func Until(t, now time.Time) time.Duration { return max(t.Sub(now), 10*time.Millisecond) }

// UntilNextSecond returns how long it is until every object that is created then is newer than t. The API server
// gives whole seconds.
func UntilNextSecond(t, now time.Time) time.Duration {
	return t.Truncate(time.Second).Add(time.Second).Sub(now)
}

// Sooner returns the shorter of two delays, of which 0 means none.
func Sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
