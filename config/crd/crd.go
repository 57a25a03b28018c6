// Package crd is the CRDs as they are installed, for whoever tells others of them.
package crd

import "embed"

// Bases has one file for each kind.
//
//go:embed bases/*.yaml
var Bases embed.FS
