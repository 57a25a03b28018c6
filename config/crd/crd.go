// SPDX-License-Identifier: Apache-2.0

// Package crd embeds the CRDs.
package crd

import "embed"

// Bases contains one file for each kind.
//
//go:embed bases/*.yaml
var Bases embed.FS
