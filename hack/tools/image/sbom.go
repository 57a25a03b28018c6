// SPDX-License-Identifier: Apache-2.0

package main

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeSBOM writes the modules that are in the programs of one architecture.
func writeSBOM(o options, arch string) error {
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &cdx.Component{
		BOMRef: "operator", Type: cdx.ComponentTypeContainer, Name: "voiceai-integrations-operator", Version: o.version,
		Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
	}}
	components := []cdx.Component{}
	known := map[string]bool{}
	for name := range strings.SplitSeq(o.programs, ",") {
		info, err := buildinfo.ReadFile(filepath.Join(o.binaries, arch, name))
		if err != nil {
			return err
		}
		std := debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}
		for _, module := range append([]*debug.Module{&std}, info.Deps...) {
			if module.Replace != nil {
				module = module.Replace
			}
			purl := "pkg:golang/" + module.Path + "@" + module.Version
			if known[purl] {
				continue
			}
			known[purl] = true
			components = append(components, cdx.Component{
				BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: module.Path, Version: module.Version, PackageURL: purl,
			})
		}
	}
	bom.Components = &components
	file, err := os.Create(filepath.Join(o.out, "sbom-"+arch+".cdx.json"))
	if err != nil {
		return err
	}
	if err := cdx.NewBOMEncoder(file, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
