// SPDX-License-Identifier: Apache-2.0

// Package project embeds the documentation, which the dashboard serves. It is here because a package can embed
// nothing from above its own directory.
package project

import "embed"

// Documentation has the pages and what they link to, by their path in the project.
//
//go:embed *.md LICENSE charts/voiceai-integrations/README.md
//go:embed docs/*.md docs/llms.txt docs/decisions docs/images docs/runbooks
var Documentation embed.FS
