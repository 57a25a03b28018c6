package leadership

// Elapsed exposes elapsed.
var Elapsed = elapsed
